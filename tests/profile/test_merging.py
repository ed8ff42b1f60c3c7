"""Which choices are the same: (user, source, id), and the texts with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from personalrm import History, Preference, SynthesizeMe, read_history
from personalrm.data.candidates import read_candidates
from personalrm.data.reading import read_choices
from personalrm.data.writing import write_choices
from personalrm.errors import DataError
from personalrm.models.acquisition import unanswered
from personalrm.preferences import Message, RankedChoice, Thumb
from personalrm.profile.merging import KnownChoices, distinct, merged


def write(path: Path, day: str, **more: object) -> Path:
    path.parent.mkdir(exist_ok=True)
    rows = [
        {"id": str(n), "prompt": f"{day} question {n}?", "chosen": f"Short {n}.", "rejected": "A longer answer. " * 3}
        | more
        for n in range(1, 7)
    ]
    path.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    return path


def asked(history: History) -> list[str]:
    return [one.context[0].content for one in history]


MONDAY = [f"Monday question {n}?" for n in range(1, 7)]
TUESDAY = [f"Tuesday question {n}?" for n in range(1, 7)]


@pytest.mark.parametrize("second", ["tuesday.jsonl", "later/monday.jsonl", "monday.jsonl"])
def test_another_file_with_the_same_ids_adds_its_choices(tmp_path: Path, second: str) -> None:
    me = SynthesizeMe().fit(write(tmp_path / "monday.jsonl", "Monday"))
    tuesday = write(tmp_path / second, "Tuesday")
    me.update(tuesday)
    assert asked(me.profile.history) == MONDAY + TUESDAY
    assert len({one.id for one in me.profile.history}) == 12
    me.update(tuesday)  # again: nothing is new
    assert asked(me.profile.history) == MONDAY + TUESDAY


def test_a_renamed_copy_of_a_file_holds_no_new_choice(tmp_path: Path) -> None:
    monday = read_history(write(tmp_path / "monday.jsonl", "Monday"))
    again = read_history(write(tmp_path / "monday (1).jsonl", "Monday"))
    found = merged(monday, again)
    assert found == monday


def test_a_corrected_choice_keeps_its_place_and_time() -> None:
    choices = [
        Preference(id=str(n), context=f"Q{n}", chosen=f"yes {n}", rejected=f"no {n}", time=f"2026-01-0{n}")
        for n in (1, 2, 3)
    ]
    history = History("me", tuple(choices))
    fixed = replace(choices[1].flipped(), time="2026-03-01")
    found = merged(history, [fixed])
    assert [one.id for one in found] == ["1", "2", "3"]
    assert (found.choices[1].chosen, found.choices[1].time) == ("no 2", "2026-01-02")


def test_new_choices_are_put_in_order_of_time() -> None:
    days = {n: Preference(id=n, chosen=n, rejected="x", context=n, time=f"2026-01-0{n}") for n in "12345"}
    found = merged(History("me", (days["1"], days["3"], days["5"])), [days["4"], days["2"]])
    assert [one.id for one in found] == list("12345")


@pytest.mark.parametrize(
    ("source", "change", "same"),
    [
        ("a", {}, True),
        ("b", {}, True),
        ("a", {"chosen": "no", "rejected": "yes"}, True),
        ("b", {"chosen": "no", "rejected": "yes"}, True),
        ("a", {"chosen": "yes!"}, True),  # a typing error mended
        ("b", {"chosen": "yes!"}, False),
        ("a", {"context": (Message("user", "Hi!"),)}, False),
        ("b", {"context": (Message("user", "Hi!"),)}, False),
        ("a", {"chosen": "red", "rejected": "blue"}, False),
        ("a", {"id": "2"}, False),
    ],
)
def test_what_is_the_same_choice(source: str, change: dict[str, object], same: bool) -> None:
    known = Preference(id="1", context="Hi", chosen="yes", rejected="no", source="a")
    other = replace(known, source=source, **change)  # type: ignore[arg-type]
    assert (KnownChoices([known]).find(other) is not None) == same


def test_ids_of_a_list_are_told_apart_and_repetitions_dropped() -> None:
    one = Preference(id="1", context="Hi", chosen="yes", rejected="no")
    other = Preference(id="1", context="Hello", chosen="red", rejected="blue")
    found = distinct([one, other, one, other])
    assert [(choice.context[0].content, choice.chosen) for choice in found] == [("Hi", "yes"), ("Hello", "red")]
    assert found[0].id == "1" != found[1].id
    with pytest.raises(DataError, match="'1'"):
        distinct([one, one.flipped()])


def test_new_pairs_are_asked_about_whatever_their_ids(tmp_path: Path) -> None:
    history = read_history(write(tmp_path / "monday.jsonl", "Monday"))
    pool = tmp_path / "pool.jsonl"
    rows = [{"id": str(n), "prompt": f"Pool {n}?", "a": "One thing.", "b": "Another."} for n in range(1, 9)]
    known = {"id": "9", "prompt": "Monday question 1?", "a": "A longer answer. " * 3, "b": "Short 1."}
    pool.write_bytes(b"\n".join(map(orjson.dumps, [*rows, known])))
    assert [one.id for one in unanswered(history, read_candidates(pool))] == [str(n) for n in range(1, 9)]


def test_the_source_is_the_file_and_not_part_of_equality(tmp_path: Path) -> None:
    (first, *_) = read_choices(write(tmp_path / "monday.jsonl", "Monday"))
    assert first.source == "monday.jsonl"
    assert replace(first, source=None) == first
    ranked = replace(first, ranking="r", weight=0.5)
    for name in ("copy.jsonl", "copy.csv"):
        write_choices(tmp_path / name, [ranked])
        assert list(read_choices(tmp_path / name)) == [ranked]


def test_a_preference_needs_only_the_two_responses() -> None:
    pair = Preference(context="Hi", chosen="Hello!", rejected="?")
    assert (pair.user, pair.context) == ("me", (Message("user", "Hi"),))
    assert pair.id == pair.flipped().id == Preference(context=[{"role": "user", "content": "Hi"}], chosen="?",
                                                      rejected="Hello!").id  # fmt: skip
    assert pair.group == Preference(context="Hi", chosen="1", rejected="2").group
    for given in ({}, {"chosen": "a"}, {"rejected": "b"}, {"chosen": "a", "rejected": "b", "context": 3}):
        with pytest.raises(TypeError):
            Preference(**given)  # type: ignore[arg-type]


def test_rankings_are_put_together_from_their_pairs() -> None:
    def pairs(name: str, *order: tuple[str, str]) -> list[Preference]:
        return [Preference(chosen=a, rejected=b, ranking=name, weight=1 / len(order)) for a, b in order]

    best = pairs("best", ("b", "a"), ("b", "c"), ("b", "d"))
    full = pairs("full", ("x", "y"), ("x", "z"), ("y", "z"))
    tied = [*pairs("tied", ("p", "q"), ("p", "r")), Preference(chosen="r", rejected="q", tie=True, ranking="tied")]
    history = History("me", (*best, *full, Preference(chosen="1", rejected="2"), *tied), (Thumb("fine", True),))
    assert history.rankings == (
        RankedChoice("best", (), (("b",), ("a", "c", "d"))),
        RankedChoice("full", (), (("x",), ("y",), ("z",))),
        RankedChoice("tied", (), (("p",), ("q", "r"))),
    )
    circle = pairs("circle", ("a", "b"), ("b", "c"), ("c", "a"))
    assert {text for tier in RankedChoice.of(circle).tiers for text in tier} == {"a", "b", "c"}
    assert history.only(best).thumbs == ()
