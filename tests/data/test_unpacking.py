"""Messages stored as text in a cell, as numpy and pandas write arrays of objects."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.data.unpacking import unpacked

MESSAGES = [{"content": "A } {\nor \"b\"} {'c'", "role": "user"}, {"content": "It's } {", "role": "assistant"}]


@pytest.mark.parametrize("width", [20, 1_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_array_of_objects_is_read_whatever_its_lines(width: int, end: str) -> None:
    with np.printoptions(linewidth=width):
        cell = str(np.array(MESSAGES, dtype=object))
    assert unpacked(cell.replace("\n", end)) == MESSAGES


def test_other_texts_stay_as_they_are() -> None:
    for text in ("[see the manual] {a} {b}", "[{'a': 1} and {'b': 2}]", "[{'unclosed } {"):
        assert unpacked(text) == text
