"""The helper `each`: every case runs, and every one that fails is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from each import each

SEEN: list[tuple[str, int]] = []


@each("letter", "ab")
@each(("number", "square"), [(1, 1), (2, 4)])
def test_every_combination_runs_beside_fixtures(letter: str, number: int, square: int, tmp_path: Path) -> None:
    assert number**2 == square
    assert tmp_path.is_dir()
    SEEN.append((letter, number))


def test_they_were_one_item_each() -> None:
    SEEN.clear()
    test_every_combination_runs_beside_fixtures(tmp_path=Path())
    assert SEEN == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_every_case_that_fails_is_named() -> None:
    @each("number", range(5))
    def even(number: int) -> None:
        assert number % 2 == 0

    with pytest.raises(ExceptionGroup, match="2 of 5") as caught:
        even()
    assert [one.__notes__ for one in caught.value.exceptions] == [["with number = 1"], ["with number = 3"]]


def test_no_case_is_a_fault() -> None:
    with pytest.raises(AssertionError):
        each("number", [])
