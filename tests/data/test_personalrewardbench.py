"""The published PersonalRewardBench sets: what is context, what is target, and which judges were right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from published_files import published_row, write_rows

from personalrm.data.formats.personalrewardbench import with_judges
from personalrm.data.reading import read_choices
from personalrm.preferences import Message

TWO = {"gemini/gemini-1.5-pro": ("First", "Second"), "Qwen/Qwen2.5-72B-Instruct": ("Second", "First")}
THREE = {**TWO, "azure/gpt-4o-mini": ("First", "First")}


def judges(flip: Any, verdicts: dict[str, tuple[Any, Any]], agreement: Any) -> dict[str, bool]:
    return dict(with_judges(published_row("test", flip, verdicts, agreement)).get("judges", {}))


def test_a_row_as_it_is_published(tmp_path: Path) -> None:
    texts = [{"chosen": {"role": "model", "content": f"text {at}"}} for at in range(3)]
    rows = [
        published_row(split, False, TWO, 0.5, **more)
        for split, more in zip(("train", "val", "test"), texts, strict=True)
    ]
    choices = list(read_choices(write_rows(tmp_path / "prb.jsonl", rows), strict=True))
    assert [one.split for one in choices] == ["context", "context", "target"]
    assert {one.user for one in choices} == {"user549"}
    assert {one.group for one in choices} == {"c2956"}
    assert choices[0].context == (Message("user", "Family value"),)
    assert (choices[0].rejected, choices[0].domain, choices[0].margin) == ("and parental control", "values guided", 60)
    assert choices[0].judges == {"gemini/gemini-1.5-pro": True, "Qwen/Qwen2.5-72B-Instruct": False}


def test_the_order_is_told_by_the_agreement() -> None:
    right = {"one": ("First", "Second"), "two": ("First", "Second"), "three": ("Second", "Second")}
    assert judges(False, right, 5 / 6) == {"one": True, "two": True}
    assert judges(True, right, 5 / 6) == {"one": True, "two": True}  # flip does not concern the predictions
    assert judges(True, right, 1 / 6) == {"one": False, "two": False}  # it does
    assert judges(True, right, 16.67) == {"one": False, "two": False}  # per cent


def test_no_reading_no_judges() -> None:
    assert judges(False, TWO, 0.9) == {}  # contradicts the columns
    assert judges(True, TWO, 0.5) == {}  # both readings fit, and say the opposite
    assert judges(False, {"one": ("tie", None)}, 0.5) == {}
    assert judges(False, {}, 0.5) == {}
    assert judges(False, TWO, None) == {}
    assert judges(False, TWO, "high") == {}


@pytest.mark.parametrize("words", [("A", "B"), (1, -1), ("1", "2"), ("completion_one", "completion_two")])
def test_other_words_for_the_sides(words: tuple[Any, Any]) -> None:
    assert judges(False, {"one": words}, 1.0) == {"one": True}


def test_a_judge_of_two_minds_has_no_verdict() -> None:
    assert judges(False, THREE, 0.5) == {"gemini/gemini-1.5-pro": True, "Qwen/Qwen2.5-72B-Instruct": False}


def test_an_odd_flip_leaves_the_other_reading() -> None:
    assert judges("perhaps", {"one": ("First", "Second")}, 1.0) == {"one": True}


def test_judges_that_are_given_stay() -> None:
    assert with_judges(published_row("test", False, TWO, 0.5, judges={"mine": True}))["judges"] == {"mine": True}
