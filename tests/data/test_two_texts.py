"""Rows of two texts and a winner are read by a short way, which gives the very choices of the whole one."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from command_line import rows

from personalrm.data import choices
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.preferences import Preference

TEXTS = (
    "Yes.",
    "",
    "a",
    "[1] first",
    "<think>hm</think>No, it is not.",
    "Human: a\n\nAssistant: b",
    "A long answer, truly.",
)
WINNERS: tuple[Any, ...] = (
    "a",
    "B",
    "tie",
    "model_a",
    "both_bad",
    "left",
    "gpt",
    "Yes.",
    "?",
    "",
    None,
    "nan",
    "1",
    0,
    True,
)
COLUMNS = ({}, {"model_a": "gpt", "model_b": "b"}, {"id": "x", "tie": ""}, {"score_a": 1, "score_b": 2})


def records() -> list[dict[str, Any]]:
    found = []
    for more in COLUMNS:
        for at, (a, b, winner) in enumerate(itertools.product(TEXTS, TEXTS, WINNERS)):
            told = {**more, **({"id": f"x{at}"} if "id" in more else {})}
            found.append({"prompt": f"Ask {at % 7}", "response_a": a, "response_b": b, "winner": winner, **told})
    return found


def test_the_short_way_is_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rows(tmp_path / "sides.jsonl", *records())

    def read() -> tuple[list[Preference], dict[str, int]]:
        problems = Problems()
        return list(read_choices(path, problems=problems)), dict(problems.reasons)

    quick = read()
    monkeypatch.setattr(choices, "two_texts", lambda *_: None)
    assert quick == read()
    assert len(quick[0]) > 500
