"""Studies: each answers its question on people whose answer is known, and writes a record that a report shows."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from facts import naming, tells

from personalrm.bench.protocols import tasks
from personalrm.bench.report.studies import read_studies
from personalrm.bench.studies import causal, cross_context, longitudinal, scaling, stated, transfer
from personalrm.bench.studies.altered import flipped, swapped
from personalrm.bench.studies.command import STUDIES, run_study
from personalrm.bench.studies.lab import Record, StudyContext, keep
from personalrm.bench.studies.wording import points, share
from personalrm.data.simulated import WORDS, Setting, simulate
from personalrm.errors import DataError
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions, shared_models
from personalrm.llm.simulated import SimulatedLLM
from personalrm.preferences import History
from personalrm.stats.intervals import Paired


def _people(count: int, choices: int, **setting: Any) -> tuple[History, ...]:
    """Simulated people who say what they like; every other group belongs to another type of conversation."""
    found = []
    for person in simulate(count, Setting(choices=choices, **setting)):
        likes = sorted((one for one in WORDS), key=lambda name: -abs(person.taste[name]))[:4]
        said = " ".join(WORDS[name][person.taste[name] < 0] for name in likes)
        groups = {group: at for at, group in enumerate(dict.fromkeys(one.group for one in person.history))}
        found.append(
            person.history.only(
                replace(one, stated={"self_description": said}, domain="ab"[groups[one.group] % 2])
                for one in person.history
            )
        )
    return tuple(found)


@pytest.fixture(scope="module")
def stating_people() -> tuple[History, ...]:
    return _people(16, 14, seed=3)


def ask(
    study: Any, lab: StudyContext, llm: SimulatedLLM | None = None, models: tuple[str, ...] = ("simulated",)
) -> Record:
    async def work() -> Record:
        settings = EndpointOptions(llm.url if llm else None, cache=lab.folder / "answers")
        asked = shared_models(models, settings) if llm else []
        found: Record = await study(replace(lab, models=asked))
        return found

    return background_loop.run(work())


def lab(people: tuple[History, ...], folder: Path, *methods: str, **more: Any) -> StudyContext:
    return StudyContext(lambda: people, methods, folder, data="people", **more)


@pytest.mark.parametrize("judge", ["history", "memalign"])
@pytest.mark.slow
def test_flipping_the_labels_turns_what_personalising_changed(
    stating_people: tuple[History, ...], llm: SimulatedLLM, tmp_path: Path, judge: str
) -> None:
    found = ask(causal.study, lab(stating_people, tmp_path, judge), llm)
    assert "Flipping the labels changes" in found.reading[0]
    rows = {row[0]: row for row in found.tables[0].rows}
    assert set(rows) == {judge, f"{judge}, labels flipped", f"{judge}, another person's choices"}
    assert rows[judge][3] > 0 > rows[f"{judge}, labels flipped"][3]
    changed = int(found.reading[0].partition("for ")[2].partition(" pairs")[0])
    turned = int(found.reading[0].partition("(")[2].partition(" of")[0])
    assert turned >= 0.8 * changed > 0
    assert "simulated" in found.reading[-1]
    drawn = {one.name: one.points[0].y for one in found.charts[0].series}
    assert all(drawn[name] == row[1] for name, row in rows.items())


def test_flips_and_swaps_change_the_history_alone(stating_people: tuple[History, ...]) -> None:
    task, _ = next(tasks(stating_people[0], "context-target"))
    assert [one.chosen for one in flipped(task)] == [one.rejected for one in task.history]
    assert [one.shown() for one in flipped(task)] == [one.shown() for one in task.history]  # the very same prompts
    donor = swapped(stating_people)(task)
    assert donor.user == stating_people[1].user
    assert len(donor) == len(task.history.decided)
    assert swapped(stating_people)(next(tasks(stating_people[-1], "context-target"))[0]).user == stating_people[0].user


def test_every_model_judges_what_every_model_wrote(
    stating_people: tuple[History, ...], llm: SimulatedLLM, tmp_path: Path
) -> None:
    found = ask(transfer.study, lab(stating_people[:4], tmp_path), llm, ("one", "two"))
    matrix = found.charts[0]
    assert (matrix.rows, matrix.columns) == (("one", "two"), ("one", "two"))
    assert len({value for row in matrix.values for value in row}) == 1  # both are the same simulated judge
    assert [row[:2] for row in found.tables[0].rows] == [
        ("nobody", "one"), ("nobody", "two"), ("one", "one"), ("one", "two"), ("two", "one"), ("two", "two"),
    ]  # fmt: skip
    assert any("is not shown to differ" in one for one in found.reading)


def test_accuracy_by_number_of_choices_and_by_size(
    stating_people: tuple[History, ...], llm: SimulatedLLM, tmp_path: Path
) -> None:
    found = ask(
        scaling.study,
        lab(stating_people[:8], tmp_path, "history", context_pairs=(1, None)),
        llm,
        ("small-8b", "large-70b"),
    )
    choices, sizes = found.charts
    models = ("small-8b", "large-70b")
    assert {one.name for one in choices.series} == {f"{m} · {s}" for m in ("default", "history") for s in models}
    assert all([at.x for at in one.points] == [1.0, pytest.approx(7.0, abs=1)] for one in choices.series)
    assert [at.x for at in sizes.series[0].points] == [8.0, 70.0]
    assert [scaling.size_of(one) for one in ("llama3.1:8b", "qwen-0.5B", "x-350m", "gpt-4o", "b12")] == [
        8.0, 0.5, 0.35, None, None,
    ]  # fmt: skip


@pytest.mark.slow
def test_people_whose_statement_is_their_taste_are_found_by_their_persona(
    stating_people: tuple[History, ...], llm: SimulatedLLM, tmp_path: Path
) -> None:
    silent = stating_people[0].only(replace(one, stated={}) for one in stating_people[0])
    found = ask(stated.study, lab((silent, *stating_people[1:]), tmp_path), llm)
    assert "more than chance" in found.reading[0]
    ((model, matched, (low, _), with_persona, without, unscored),) = found.tables[0].rows
    assert (model, unscored, with_persona + without) == ("simulated", 0, 15)
    assert matched > low > 0.5
    assert [row[0] for row in found.tables[1].rows] == ["default", "stated", "synthesizeme:persona"]


def test_everybody_is_a_stranger_equally_often() -> None:
    said = {name: name for name in "abcdefg"}
    met = [other for user in said for other in stated.strangers(user, said)]
    assert {met.count(one) for one in said} == {4}
    assert not any(user in stated.strangers(user, said) for user in said)
    assert stated.strangers("a", {"a": "x", "b": "y"}) == ["b"]


def test_types_of_conversation_predict_each_other_where_taste_does_not_depend_on_them(
    stating_people: tuple[History, ...], llm: SimulatedLLM, tmp_path: Path
) -> None:
    found = ask(cross_context.study, lab(stating_people[:8], tmp_path, "history"), llm)
    assert found.charts[0].rows == found.charts[0].columns == ("a", "b")
    assert len(found.tables[0].rows) == 4
    assert "the difference between the same type and another is" in found.reading[0]


def test_choices_of_another_type_are_as_many_and_never_of_a_group_that_is_predicted(
    stating_people: tuple[History, ...],
) -> None:
    held: dict[tuple[str | None, ...], int] = {}
    for task, _ in tasks(stating_people[0], "cross-context"):
        domains = {one.domain for one in task.history}
        assert len(domains) == 1
        assert not {one.group for one in task.history} & {one.group for one in task.questions}
        held[*domains, task.questions[0].domain] = len(task.history.decided)
    assert set(held) == {("a", "a"), ("b", "a"), ("b", "b"), ("a", "b")}
    assert held["b", "a"] <= held["a", "a"]


def test_in_order_only_earlier_groups_teach(stating_people: tuple[History, ...]) -> None:
    order = list(dict.fromkeys(one.group for one in stating_people[0]))
    for at, (task, _) in enumerate(tasks(stating_people[0], "in-order"), 1):
        assert {one.group for one in task.questions} == {order[at]}
        assert [*dict.fromkeys(one.group for one in task.history)] == order[:at]
    grown = [(len(task.history), task.questions) for task, _ in tasks(stating_people[0], "growing")]
    assert [size for size, _ in grown] == sorted({size for size, _ in grown})
    assert len({tuple(one.id for one in questions) for _, questions in grown}) == 1


def test_the_newest_choices_are_compared_with_all(llm: SimulatedLLM, tmp_path: Path) -> None:
    """Whether the difference says what it should needs more people: `test_a_changed_taste_…`."""
    found = ask(longitudinal.study, lab(_people(4, 10, seed=5, drift=1.0), tmp_path, "history"), llm)
    assert tells(found.reading[0], "points")
    assert abs(float(found.reading[0].rpartition("choices: ")[2].partition(" points")[0])) <= 100
    assert found.tables[0].rows


@pytest.mark.slow
def test_a_changed_taste_is_told_from_a_lasting_one(llm: SimulatedLLM, tmp_path: Path) -> None:
    """After a sudden change the newest choices teach at least as well as all; without one, older ones help."""

    def recent_minus_all(drift: float) -> float:
        changing = _people(12, 18, seed=5, drift=drift)
        found = ask(longitudinal.study, lab(changing, tmp_path / str(drift), "history"), llm)
        return float(found.reading[0].rpartition("choices: ")[2].partition(" points")[0])

    assert recent_minus_all(1.0) > recent_minus_all(0.0)


# --------------------------------------------------------------------------------------------------------- the record


def test_a_record_is_what_a_report_reads_and_equal_studies_give_equal_bytes(
    stating_people: tuple[History, ...], tmp_path: Path
) -> None:
    settings = EndpointOptions(cache=tmp_path / "answers")
    texts = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        path, ledgers = run_study(
            "scaling", lab(stating_people[:10], folder, "traits", context_pairs=(2, None)), [], settings
        )
        texts.append(path.read_bytes())
        assert ledgers == []
    assert texts[0] == texts[1]
    (shown,) = read_studies(tmp_path / "one")
    assert (shown.name, shown.problem) == ("scaling", "")
    assert shown.reading
    assert [one.head for one in shown.tables[0].columns][3] == "accuracy"
    assert json.loads(texts[0])["settings"]["context_pairs"] == [2, None]


def test_what_a_study_needs_is_said(stating_people: tuple[History, ...], tmp_path: Path) -> None:
    settings = EndpointOptions("http://127.0.0.1:9/v1", cache=tmp_path / "answers")
    with pytest.raises(DataError, match=naming("'love'", "transfer", "scaling")):
        run_study("love", lab(stating_people, tmp_path), [], settings)
    with pytest.raises(DataError, match=naming("--model")):
        run_study("transfer", lab(stating_people, tmp_path), [], settings)
    with pytest.raises(DataError, match=naming("synthesizeme")):
        run_study("causal", lab(stating_people, tmp_path, "longer"), [], settings)
    silent = tuple(one.only(replace(choice, stated={}) for choice in one) for one in stating_people)
    with pytest.raises(DataError, match=naming("stated")):
        run_study("stated", lab(silent, tmp_path), ["some"], settings)
    assert set(STUDIES) == {"transfer", "scaling", "cross-context", "longitudinal", "stated", "causal"}


def test_numbers_in_words(tmp_path: Path) -> None:
    assert points(Paired(0.0421, 0.01, 0.074, 0.0123, 9, 90)) == "+4.2 points (95 % interval +1.0 to +7.4, p = 0.012)"
    assert points(Paired(-0.5, None, None, 1.0, 2, 9)) == "-50.0 points (p = 1)"
    assert (share(5, 6), share(0, 0)) == ("83% (5 of 6)", "none (0 of 0)")
    path = keep(Record("x", "Q?", ("Found.",)), tmp_path)
    assert path == tmp_path / "studies" / "x.json"
    assert asyncio.iscoroutinefunction(causal.study)
