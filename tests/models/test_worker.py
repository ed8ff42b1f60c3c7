"""Computations in worker threads: the loop gets its turn, and leaves nothing changed behind."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest
from odd_hosts import until

from personalrm.llm.background_loop import in_event_loop
from personalrm.llm.gather import bounded_map
from personalrm.models.worker import TURN_S, in_fitting_worker, in_worker, iterated_in_worker


async def test_threads_take_short_turns_while_one_of_them_computes() -> None:
    before = sys.getswitchinterval()
    first, second = await asyncio.gather(in_worker(sys.getswitchinterval), in_fitting_worker(sys.getswitchinterval))
    assert first == second == pytest.approx(min(before, TURN_S))
    await until(lambda: sys.getswitchinterval() > 0.99 * before)  # the threads restore it just after their results


async def test_a_shorter_interval_of_the_program_is_kept() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S / 4)
    try:
        assert await in_worker(sys.getswitchinterval) == pytest.approx(TURN_S / 4)
        await in_worker(int)
        assert sys.getswitchinterval() == pytest.approx(TURN_S / 4)
    finally:
        sys.setswitchinterval(before)


async def test_items_are_computed_off_the_loop_in_their_order_and_only_when_there_is_room() -> None:
    taken: list[int] = []
    under_way = 0

    def numbers() -> Iterator[int]:
        for number in range(9):
            assert not in_event_loop()
            taken.append(number)
            yield number

    async def double(number: int) -> int:
        nonlocal under_way
        under_way += 1
        await asyncio.sleep(0)
        assert under_way <= 2
        under_way -= 1
        return 2 * number

    assert sorted([one async for one in bounded_map(double, iterated_in_worker(numbers()), 2)]) == list(range(0, 18, 2))
    assert taken == list(range(9))


async def test_an_error_of_the_items_is_raised_unchanged_and_the_rest_is_not_read() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        raise LookupError("the second item")

    async def same(number: int) -> int:
        return number

    with pytest.raises(LookupError, match="the second item"):
        _ = [one async for one in bounded_map(same, iterated_in_worker(numbers()), 4)]
