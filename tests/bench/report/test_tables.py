"""One table, three forms: what the page shows, LaTeX prints and a spreadsheet reads is the same, and only text."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from functools import cache
from io import StringIO
from random import Random
from typing import Any

import orjson
import pytest
from facts import tells

from personalrm.bench.plan import Design
from personalrm.bench.record import record_of
from personalrm.bench.report.blocks import Part, table_blocks
from personalrm.bench.report.latex import escaped, latex
from personalrm.bench.report.lines import curves
from personalrm.bench.report.published import belonging, published, published_on
from personalrm.bench.report.reading import findings, warning
from personalrm.bench.report.spreadsheet import csv_text
from personalrm.bench.report.table import Column, Table, words
from personalrm.bench.report.tables import all_tables, leaderboard
from personalrm.bench.running import run
from personalrm.data.simulated import simulate_people
from personalrm.formatting import pages
from personalrm.preferences import History

DOMAINS = ("unguided", "values guided", "controversy guided")
TABLE = Table(
    "t",
    "Title & more",
    (Column("method"), Column("accuracy", "figure"), Column("95 % interval", "interval", "accuracy"),
     Column("change", "signed"), Column("pairs", "count"), Column("s", "seconds", timed=True)),
    (("a_b & {c} $d$ \\e [f] *g*", 2 / 3, (0.5, 0.75), -0.031, 1593, 1.5), ("=1+1", None, (None, None), None, 0, 2.5)),
    "Note with 100 %.",
)  # fmt: skip


@cache
def stored() -> bytes:
    """The record of people who are not called simulated, by surface baselines, as if their file were PRISM's."""
    simulated = simulate_people(30, choices=9, seed=2, prompt_tokens=10, response_tokens=40)
    people = [as_in_prism(one, f"p{at}") for at, one in enumerate(simulated)]
    found = run(people, ["longer", "shorter", "first"], Design(folds=2, data="prism.jsonl.gz"))
    return orjson.dumps(record_of(found, "longer"))


def as_in_prism(history: History, user: str) -> History:
    """The same texts under another name: six of ten choices are of the longer response, in three domains."""
    draw, made = Random(user), []
    for at, one in enumerate(history):
        short, long = sorted((one.chosen, one.rejected), key=len)
        chosen, rejected = (long, short) if draw.random() < 0.64 else (short, long)
        made.append(replace(one, user=user, chosen=chosen, rejected=rejected, domain=DOMAINS[at % 3]))
    return History(user, tuple(made))


def record(**how: Any) -> dict[str, Any]:
    """A copy of it that a test may spoil."""
    return {**orjson.loads(stored()), **how}


def test_csv_has_every_digit_and_nothing_that_runs() -> None:
    rows = list(csv.reader(StringIO(csv_text(TABLE))))
    assert rows[0] == ["method", "accuracy", "accuracy_low", "accuracy_high", "change", "pairs"]
    assert rows[1][1:] == ["0.6666666666666666", "0.5", "0.75", "-0.031", "1593"]
    assert rows[2] == ["'=1+1", "", "", "", "", "0"]


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@SUM(A1)", "  =1", "\t=1", "\r\n=1", "|x", "＝1", "\x00=1"])
def test_names_never_begin_like_a_formula(name: str) -> None:
    text = csv_text(Table("t", "", (Column("method"),), ((name,),)))
    cell = list(csv.reader(StringIO(text)))[1][0]
    assert cell[0] in "'�"


def test_latex_escapes_everything_and_uses_booktabs() -> None:
    text = latex(TABLE)
    assert [line for line in text.splitlines() if "rule" in line] == ["\\toprule", "\\midrule", "\\bottomrule"]
    assert "\\begin{tabular}{lrrrr}" in text
    assert "a\\_b \\& \\{c\\} \\$d\\$ \\textbackslash{}e {[}f{]} {*}g{*}" in text
    assert "0.667 & 0.500--0.750 & $-$0.031 & 1,593 \\\\" in text
    assert "Title \\& more. Note with 100 \\%." in text
    assert "seconds" not in text
    rows = text[text.index("\\midrule") : text.index("\\bottomrule")].splitlines()[1:]
    assert all(len(re.findall(r"(?<!\\)&", row)) == 4 for row in rows)


@pytest.mark.parametrize(
    "text", ["\\input{/etc/passwd}", "a\n\n\\par b", "%", "\\\\[1em]", "^^5cinput", "$\\alpha$", "#1 ~x"]
)
def test_no_command_of_others_reaches_latex(text: str) -> None:
    known = r"\\(?:textbackslash|textasciicircum|textasciitilde)\{\}|\\[{}$&#%_]|\{[\[\]*]\}"
    left = re.sub(known, "", escaped(text))
    assert not re.search(r"[\\{}$&#%_^~\n]", left)


def test_cells_are_words_and_a_dash_is_what_was_not_measured() -> None:
    for form, value, wanted in [
        ("figure", 0.65819, "0.658"), ("signed", -0.0312, "-0.031"), ("percent", 0.3019, "30.2%"),
        ("p", 0.0004, "0.0004"),
        ("p", 0.00001, "<0.0001"), ("interval", (0.1, 0.2), "0.100–0.200"), ("shift", (-0.1, 0.2), "-0.100 to +0.200"),
        ("dollars", 0.00123, "$0.00123"), ("dollars", 1234.5, "$1,234.50"), ("dollars", 0.0, "$0.00"),
        ("count", 1593, "1,593"),
        ("text", "a\n b\x00", "a b�"), ("figure", None, "–"), ("interval", (None, None), "–"), ("text", "", "–"),
    ]:  # fmt: skip
        assert words(Column("h", form), value) == wanted  # type: ignore[arg-type]


def test_markup_escapes_and_folds_long_tables_away() -> None:
    shown = written(Table("t", "T", (Column("method"),), (("<b>x</b>",),)))
    assert "&lt;b&gt;x&lt;/b&gt;" in shown
    assert "<caption>T</caption>" in shown
    assert "<details" not in shown
    assert "<details><summary>T (30 rows)" in written(
        Table("t", "T", (Column("m"),), tuple((str(n),) for n in range(30)))
    )
    assert table_blocks(Table("t", "T", (Column("m"),), ())) == ()


def written(table: Table) -> str:
    parts = [Part("t", "Part", table_blocks(table))]
    return pages.page("report.html", title="T", sub="", said=(), parts=parts, words=words)


def test_the_tables_of_a_run() -> None:
    made = record()
    tables = {one.name: one for one in all_tables(made)}
    assert {"leaderboard", "against", "pairwise", "length_matched", "domains", "cost", "published"} <= set(tables)
    assert [row[0] for row in tables["leaderboard"].rows] == ["longer", "first", "shorter"]
    assert {row[0] for row in tables["domains"].rows} == set(DOMAINS)
    for one in tables.values():
        assert all(len(row) == len(one.columns) for row in one.rows)
        assert len(list(csv.reader(StringIO(csv_text(one))))) == len(one.rows) + 1
    assert not any(column.timed for column in tables["cost"].untimed().columns)


def test_rows_without_accuracy_come_last() -> None:
    made = record()
    made["methods"][0] |= {"accuracy": None, "low": None, "high": None}
    assert [row[0] for row in leaderboard(made).rows][-1] == "longer"
    for row in made["methods"]:
        row["accuracy"] = None
    assert findings(made) == ["No method scored a pair."]


def test_findings_say_what_is_significant_and_what_could_be_seen() -> None:
    said = " ".join(findings(record()))
    assert tells(said, "longer")
    assert tells(said, "2 methods", "longer", "2 significantly worse", "shorter", "first")
    assert tells(said, "power of 80 %")


# published numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "domains", "wanted"),
    [
        ("prism.jsonl.gz", [], "PRISM"),
        ("hub:MichaelR207/prism_personalized_0125", [], "PRISM"),
        ("test.jsonl", ["unguided", "values guided"], "PRISM"),
        ("hub:lmsys/chatbot_arena_conversations", [], "Arena"),
        ("mt_bench.jsonl.gz", ["coding"], None),
        ("mine.jsonl", [], None),
    ],
)
def test_published_numbers_belong_to_their_data(data: str, domains: list[str], wanted: str | None) -> None:
    assert belonging(data, domains) == wanted


def test_published_numbers_are_those_of_the_sources() -> None:
    prism = {(one.method, one.size): one for one in published_on("PRISM")}
    arena = {(one.method, one.size): one for one in published_on("Arena")}
    assert prism["default judge", "70B"].accuracy == 0.5402
    assert prism["default judge", "70B"].error == 0.0083
    assert arena["judge + SynthesizeMe", "8B"].accuracy == 0.6107
    assert arena["P-GenRM, trained", "70B"].accuracy == 0.7342
    assert ("judge + demographics", "8B") not in arena
    assert arena["ablation: persona only", "70B"].accuracy == 0.537
    assert (len(prism), len(arena)) == (24, 27)
    assert all(0.5 < one.accuracy < 0.8 for one in (*prism.values(), *arena.values()))
    low, high = prism["default judge", "8B"].interval or (0, 0)
    assert (low, high) == pytest.approx((0.5204 - 1.96 * 0.0054, 0.5204 + 1.96 * 0.0054))


def test_published_rows_are_marked_and_ours_say_that_they_are_measured() -> None:
    shown = published(record())
    origins = [row[1] for row in shown.rows]
    assert {at for at, origin in enumerate(origins) if origin == "published"} == shown.published
    assert origins.count("measured here, nothing comparable published") == 3
    assert "not measured here" in shown.note
    assert "Published by others" in shown.note


def test_published_numbers_are_not_shown_beside_other_data_or_simulated_people() -> None:
    assert published(record(data="mine.jsonl", details=[])).rows == ()
    people = simulate_people(6, choices=6, prompt_tokens=10, response_tokens=20)
    invented = record_of(run(people, ["longer", "first"], Design(folds=2, data="prism.jsonl")), "longer")
    assert published(invented).rows == ()
    assert "simulated" in warning(invented)
    assert warning(record()) == ""


def test_learning_curves_join_rows_that_differ_in_choices_alone() -> None:
    rows = [
        {"name": name, "model": model, "context_pairs": limit}
        for name, model, limit in [
            ("t", "m", None),
            ("t", "m", 2),
            ("t", "m", 10),
            ("t", "n", 2),
            ("longer", "longer", None),
        ]
    ]
    assert [[row["context_pairs"] for row in one] for one in curves({"methods": rows})] == [[2, 10, None]]
