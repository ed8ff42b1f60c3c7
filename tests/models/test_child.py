"""Computations in a process of their own: results and errors arrive, output does not disturb them."""

from __future__ import annotations

import operator
import os
import sys

import pytest

from personalrm.errors import DataError, PersonalrmError
from personalrm.models.child import in_child


def work(number: int, *, wrong: bool = False) -> tuple[int, int]:
    """Write a line, then return the number and the process, or raise."""
    sys.stdout.write("a line on standard output")
    if wrong:
        raise DataError("line 3: wrong")
    return number, os.getpid()


async def test_the_result_comes_from_another_process() -> None:
    number, process = await in_child(work, 7)
    assert number == 7
    assert process != os.getpid()


async def test_an_error_keeps_its_kind_and_its_message() -> None:
    with pytest.raises(DataError, match="line 3: wrong"):
        await in_child(work, 7, wrong=True)
    with pytest.raises(ZeroDivisionError):
        await in_child(operator.truediv, 1, 0)


async def test_a_process_that_is_killed_is_an_error_with_its_status() -> None:
    with pytest.raises(PersonalrmError, match="status 7"):
        await in_child(os._exit, 7)
