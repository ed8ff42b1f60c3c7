"""The report of a run: the record it is made from, the terminal's table, the page that needs nothing else.

Names, texts and ids of these people try to be markup, formulas and commands wherever they are shown.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from choices import longer_people
from facts import naming
from rich.console import Console

from personalrm.bench.plan import Design
from personalrm.bench.protocols import Population, Prediction, Task
from personalrm.bench.record import read_record, record_of, write
from personalrm.bench.report.terminal import show
from personalrm.bench.report.writing import awrite_report, write_report
from personalrm.bench.results import BenchResult
from personalrm.bench.running import run
from personalrm.errors import DataError, MissingExtra, StorageError
from personalrm.formatting.pages import environment
from personalrm.preferences import Verdict
from personalrm.profile.spend import Spend

HOSTILE = "=<img src=http://x.y/z onerror=alert(1)>'\"&%_#$\\{}^~"
PERSONA = {
    "persona": f"Likes long texts. {HOSTILE}</article><script>alert(2)</script>\u202e\x00",
    "claims": [{"claim": f"Prefers length {HOSTILE}", "for": ["p1-0-0", "<u>x</u>"], "against": []}],
    "arm": "persona",
    "confidence": 0.75,
    "note": "<s>struck</s>",
}


@dataclass(frozen=True)
class Oracle:
    """Prefers the longer text, writes a persona, leaves one group unscored, and costs money."""

    name: str = "<i>oracle</i>"
    model: str = "invented-1"
    probabilistic: bool = True
    personal: bool = True
    asks: bool = True
    prompts: Mapping[str, str] = field(default_factory=lambda: {"judge": "ab12"})

    async def learn(self, population: Population, fold: int) -> Oracle:
        return self

    async def predict(self, task: Task) -> Prediction:
        asked = len(task.questions)
        spend = Spend(calls=asked, prompt_tokens=100 * asked, completion_tokens=asked, cost=0.5)
        return Prediction([self._verdict(one.a, one.b, one.group) for one in task.questions], spend, PERSONA)

    @staticmethod
    def _verdict(a: str, b: str, group: str) -> Verdict:
        if group == "g2":
            return Verdict(None, unscored="refusal")
        return Verdict(0.8 if len(a) > len(b) else 0.1, reasoning=f"it says more {HOSTILE}")


def result(folder: Path | None = None, **how: Any) -> BenchResult:
    """A small run of surface baselines, a cached judge and the oracle."""
    methods = ["longer", "shorter", "judge:j", Oracle()]
    return run(longer_people(domains=True), methods, Design(folds=3, data="a<b.jsonl"), folder=folder, **how)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run with a learning curve."""
    folder = tmp_path_factory.mktemp("run")
    write(result(folder, context_pairs=(1, 2, None)), folder, "longer")
    return folder


@pytest.fixture(scope="module")
def reported(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run with its report, to read: drawing takes seconds."""
    folder = Path(shutil.copytree(finished, tmp_path_factory.mktemp("reported") / "run"))
    write_report(folder)
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without figures, which take a second each: for tests of what the text says."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def page_of(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects tags with their attributes, what a page would fetch, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            inside = name == "href" and (value or "").startswith("#")
            if name in {"src", "href", "srcset", "data", "action", "xlink:href"} and not inside:
                self.fetched.append(f"{tag} {name}")
            if name.startswith("on"):
                self.handlers.append(f"{tag} {name}")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


# the record ---------------------------------------------------------------------------------------------------------


def test_files_hold_every_pair_and_read_back(tmp_path: Path) -> None:
    found = result()
    write(found, tmp_path / "new" / "out", "longer")
    rows = [json.loads(line) for line in (tmp_path / "new/out/pairs.jsonl").read_text().splitlines()]
    assert len(rows) == 4 * 72
    for name in ("longer", "<i>oracle</i>"):
        mine = [row["correct"] for row in rows if row["method"] == name and row["correct"] is not None]
        row = next(one for one in found.rows() if one.name == name)
        assert (len(mine), sum(mine) / len(mine)) == (row.pairs, row.accuracy)
    unscored = [row for row in rows if row["probability"] is None]
    assert {row["unscored"] for row in unscored} == {"no cached verdict", "refusal"}
    again = read_record(tmp_path / "new/out")
    wanted = json.loads(orjson.dumps(record_of(found, "longer")))
    for row in (*wanted["methods"], *(row for rows in wanted["same_pairs"].values() for row in rows)):
        row["seconds"] = 0.0  # known to the folder of the run alone
    assert again == wanted


def test_reports_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path)):
        read_record(tmp_path)
    (tmp_path / "results.json").write_text("{broken")
    with pytest.raises(DataError, match="damaged"):
        read_record(tmp_path)
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(DataError, match=naming("results.json")):
        read_record(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": 99, "methods": []}')
    with pytest.raises(DataError, match="newer personalrm"):
        read_record(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": 2, "methods": []}')
    with pytest.raises(DataError, match=naming("results.json", "bench")):
        read_record(tmp_path)
    write(result(), tmp_path / "whole", None)
    report = json.loads((tmp_path / "whole" / "results.json").read_text())
    without_population = {name: part for name, part in report.items() if name != "population"}
    for damaged in (
        {**report, "schema": "1"},
        {**report, "details": None},
        {**report, "details": report["details"][1:]},
        {**report, "details": [{"label": "longer"}]},
        {**report, "methods": [{"name": "x"}]},
        without_population,
    ):
        (tmp_path / "results.json").write_text(json.dumps(damaged))
        with pytest.raises(DataError, match=r"missing|field"):
            read_record(tmp_path)
    with pytest.raises(StorageError, match=naming(tmp_path / "results.json")):
        write(result(), tmp_path / "results.json", None)
    assert not list(tmp_path.rglob("*.unfinished"))


@pytest.mark.usefixtures("undrawn")
def test_a_run_without_results_says_that_it_is_not_finished(folder: Path) -> None:
    (folder / "results.json").unlink()
    with pytest.raises(DataError, match=naming(folder)):
        write_report(folder)


# the terminal -------------------------------------------------------------------------------------------------------


def shown(found: BenchResult, width: int) -> str:
    out = StringIO()
    show(json.loads(orjson.dumps(record_of(found, "longer"))), Console(file=out, width=width, no_color=True))
    return out.getvalue()


def test_the_table_tells_all_methods_and_notes() -> None:
    text = shown(result(), 160)
    for wanted in (
        "longer", "<i>oracle</i>", "0.667", "66.7%", "against longer", "pairs that judge:j scored", "refusal (24)",
        "struck",
    ):  # fmt: skip
        assert wanted in text


@pytest.mark.parametrize("width", [80, 104])
def test_no_figure_of_the_table_is_cut(width: int) -> None:
    text = shown(
        run(longer_people(domains=True), ["longer", Oracle(name="a name much longer than a terminal is wide " * 3)]),
        width,
    )
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    body = [line for line in lines if line.startswith("│")]
    assert body
    assert not any("…" in line for line in body)
    assert any("1.000" in line for line in body)


def test_few_people_get_no_interval_and_a_note() -> None:
    found = run(longer_people(3, domains=True), ["longer", "first"], Design(folds=3))
    assert [(row.low, row.high) for row in found.rows()] == [(None, None)] * 2
    assert "Too few people" in shown(found, 160)


# the page -----------------------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_else_and_no_text_is_markup(reported: Path) -> None:
    text = page_of(reported)
    page = Page(text)
    assert (page.fetched, page.handlers) == ([], [])
    assert not {"script", "link", "img", "iframe", "i", "b", "em", "u", "s"} & set(page.tags)
    assert not re.search(r"url\((?!#)|@import|xmlns|http-equiv", text)
    assert len(set(page.ids)) == len(page.ids)
    assert "\x00" not in text
    assert "\u202e" not in text
    for wanted in (
        "a<b.jsonl", "new-people", "<i>oracle</i>", "refusal (24)", "no cached verdict (24)", "ab12",
        "72 choices of 12 people", "Likes long texts.", "Prefers length", "2 for it: p1-0-0", "<s>struck</s>",
        "Learning curve", "Cost against accuracy",
    ):  # fmt: skip
        assert wanted in page.text, wanted
    assert "75% sure" not in page.text  # how sure an older run said it was: calibrated on nobody


def test_readers_without_a_mouse_or_eyes_find_everything(reported: Path) -> None:
    text = page_of(reported)
    page = Page(text)
    assert page.tags.count("main") == page.tags.count("h1") == 1
    assert page.tags.count("caption") == page.tags.count("table") >= 8
    assert all(re.findall(r"<caption[^>]*>([^<]*)</caption>", text))
    scrollers = re.findall(r'<div class="wide"([^>]*)>', text)
    assert len(scrollers) == page.tags.count("table") + page.tags.count("figure")
    for one in scrollers:
        assert re.search(r'tabindex="0" role="region" aria-label="[^"]+"', one)
    assert set(page.ids) >= set(re.findall(r'<a href="#([^"]+)"', text))


def test_each_value_names_its_column_for_screens_on_which_a_row_is_a_list(reported: Path) -> None:
    text = page_of(reported)
    cells = re.findall(r"<td ([^>]*)>([^<]*)<", text)
    assert len(cells) > 100
    for attributes, said in cells:
        assert re.search(r'data-head="[^"]+"', attributes)
        assert ("nothing" in attributes) == (said == "–")
    style = text[text.index("<style>") : text.index("</style>")]
    assert "@media print" in style
    assert "(max-width: 40rem)" in style


def test_without_jinja_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    environment.cache_clear()
    before = (folder / "results.json").read_bytes()
    with pytest.raises(MissingExtra, match=r"personalrm\[report\]"):
        write_report(folder)
    assert (folder / "results.json").read_bytes() == before
    assert not (folder / "tables").exists()


def test_every_figure_is_named_and_drawn_by_words(reported: Path) -> None:
    text = page_of(reported)
    figures = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    assert len(figures) >= 6
    for one in figures:
        assert re.match(r'<svg class="chart" role="img" aria-label="[^"]+" viewBox="[^"]+">\s*<title>[^<]+', one)
        assert "<text" in one
        assert not re.search(r": #[0-9a-f]{6}", one), "every colour is the page's"


def test_equal_runs_give_equal_reports(reported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = {path.name: path.read_bytes() for path in (reported / "tables").iterdir()}
    again = Path(shutil.copytree(reported, tmp_path / "again" / reported.name))
    write_report(again)
    assert page_of(again) == page_of(reported)
    other = tmp_path / reported.name
    write(result(other, context_pairs=(1, 2, None)), other, "longer")
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # tables alone
    write_report(other)
    assert first == {path.name: path.read_bytes() for path in (other / "tables").iterdir()}
    assert {"leaderboard.csv", "leaderboard.tex", "against.csv", "learning_curve.csv", "same_pairs_1.tex"} <= set(first)


@pytest.mark.slow
async def test_a_report_of_another_process_has_the_same_tables_and_figures(reported: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(reported, tmp_path / reported.name))
    (other / "report.html").unlink()
    assert await awrite_report(other) == other / "report.html"
    assert page_of(other) == page_of(reported)


async def test_errors_of_a_report_of_another_process_are_the_same(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path)):
        await awrite_report(tmp_path)


@pytest.mark.usefixtures("undrawn")
def test_without_matplotlib_sentences_stand_for_figures(folder: Path) -> None:
    from personalrm.bench.charts import Dots
    from personalrm.bench.report.drawing import draw

    with pytest.raises(MissingExtra, match=r"personalrm\[report\]"):
        draw(Dots("t", "x", ()))
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "svg" not in page.tags
    assert "The figure “Cost against accuracy” was not drawn" in page.text
    assert page.text.count("pip install 'personalrm[report]'") >= 6
    assert page.tags.count("table") >= 6
    assert (folder / "tables/leaderboard.tex").exists()


@pytest.mark.usefixtures("undrawn")
def test_what_failed_is_named_first(folder: Path) -> None:
    record = json.loads((folder / "results.json").read_text())
    record["failed"] = {"default · <b>big</b>": "the host is gone"}
    (folder / "results.json").write_text(json.dumps(record))
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "default · <b>big</b>: the host is gone" in page.text
    assert page.text.index("the host is gone") < page.text.index("Highest accuracy:")


def test_the_worst_predictions_are_those_with_the_largest_log_loss(reported: Path) -> None:
    page = Page(page_of(reported))
    pairs = [json.loads(line) for line in (reported / "pairs.jsonl").read_text().splitlines()]
    given = [one["probability"] for one in pairs if one["method"] == "<i>oracle</i>" and one["probability"] is not None]
    assert f"{min(given):.3f}" in page.text[page.text.index("The worst predictions") :]
    assert "it says more" in page.text


@pytest.mark.usefixtures("undrawn")
def test_a_killed_run_is_reported_as_far_as_its_results_go(folder: Path) -> None:
    for path in (folder / "judgements").iterdir():
        path.write_bytes(path.read_bytes()[:-40])  # half a last line
    assert "Highest accuracy" in Page(write_report(folder).read_text(encoding="utf-8")).text
    (folder / "pairs.jsonl").unlink()
    assert "no longer in the folder" in Page(write_report(folder).read_text(encoding="utf-8")).text


def test_a_damaged_file_is_named_with_its_line_and_nothing_is_overwritten(reported: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(reported, tmp_path / "run"))
    path, page = folder / "pairs.jsonl", (folder / "report.html").read_bytes()
    sound = path.read_bytes()
    number = len(sound.splitlines()) + 1
    for line in (b"{broken\n", b"[1, 2]\n", b'{"method": "x"}\n'):
        path.write_bytes(sound + line)
        with pytest.raises(DataError, match=naming(f"pairs.jsonl, line {number}:")):
            write_report(folder)
        assert (folder / "report.html").read_bytes() == page


@pytest.mark.usefixtures("undrawn")
def test_a_folder_that_cannot_be_written(folder: Path) -> None:
    (folder / "tables").write_text("in the way")
    with pytest.raises(StorageError, match=naming(folder)):
        write_report(folder)


# studies ------------------------------------------------------------------------------------------------------------

STUDY = {
    "study": "transfer",
    "question": "Does a persona of one model help another? <b>",
    "settings": {"models": ["a", "b"], "seed": 0},
    "reading": ["It does, by +2.0 points."],
    "tables": [{"title": "Accuracy", "columns": ["from", "a", "pairs", "interval"],
                "rows": [["a<b>", 0.5, 3, [0.4, 0.6]], ["b", None, 4, [None, None]]]}],
    "charts": [{"kind": "matrix", "title": "Transfer", "x_label": "judge", "y_label": "from", "columns": ["a", "b"],
                "rows": ["a", "b"], "values": [[0.5, 0.6], [None, 0.7]], "middle": 0.5}],
}  # fmt: skip


@pytest.mark.usefixtures("undrawn")
def test_studies_of_the_folder_are_shown_and_a_broken_one_takes_nothing_away(folder: Path) -> None:
    (folder / "studies").mkdir()
    (folder / "studies/transfer.json").write_text(json.dumps(STUDY))
    (folder / "studies/broken.json").write_text("{")
    (folder / "studies/foreign.json").write_text('{"study": "x"}')
    (folder / "studies/unknown.json").write_text(json.dumps({**STUDY, "charts": [{"kind": "pie"}]}))
    text = write_report(folder).read_text(encoding="utf-8")
    page = Page(text)
    assert "b" not in page.tags
    for wanted in (
        "Study: transfer",
        "Does a persona of one model",
        "It does, by +2.0",
        "0.400–0.600",
        "models",
        "a, b",
    ):
        assert wanted in page.text, wanted
    for name in ("broken", "foreign", "unknown"):
        assert f"studies/{name}.json cannot be shown" in page.text
    assert (folder / "tables/study_transfer_1.csv").read_text().splitlines()[1] == "a<b>,0.5,3,0.4,0.6"
    assert "The figure “Transfer” was not drawn" in page.text
    shutil.rmtree(folder / "studies")
    write_report(folder)
    assert not (folder / "tables/study_transfer_1.csv").exists()
