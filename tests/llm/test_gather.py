"""Work at the same time: order, bounds, and errors as they are."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from personalrm.errors import UnusableResponse
from personalrm.llm.gather import SharedWork, bounded_map, gather, gather_pair, look_ahead


async def _later(value: int) -> int:
    await asyncio.sleep(0.001 * (5 - value))
    return value


async def _fails(value: int) -> int:
    await asyncio.sleep(0)
    raise UnusableResponse(f"{value} failed")


async def test_results_come_in_the_order_of_the_work() -> None:
    assert await gather(_later(value) for value in range(5)) == [0, 1, 2, 3, 4]
    assert await gather_pair(_later(1), _later(4)) == (1, 4)


async def test_the_first_error_cancels_the_rest_and_is_raised_as_it_is() -> None:
    cancelled = []

    async def waits() -> int:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return 0

    with pytest.raises(UnusableResponse, match="1 failed"):
        await gather([waits(), _fails(1)])
    assert cancelled == [True]


async def test_a_stream_keeps_so_many_under_way_and_takes_no_more() -> None:
    taken, running, most = 0, 0, 0

    def items() -> Any:
        nonlocal taken
        for value in range(12):
            taken += 1
            yield value

    async def work(value: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return value

    found = []
    async for value in bounded_map(work, items(), 3):
        found.append(value)
        assert taken <= len(found) + 3
    assert sorted(found) == list(range(12))
    assert most == 3


async def test_items_are_begun_some_places_ahead_and_come_in_their_order() -> None:
    async def items() -> AsyncIterator[int]:
        for one in range(5):
            yield one

    begun: list[int] = []
    seen = [(one, list(begun)) async for one in look_ahead(items(), begun.append, 2)]
    assert [one for one, _ in seen] == begun == [0, 1, 2, 3, 4]
    assert seen[0][1] == [0, 1, 2]
    assert seen[2][1] == [0, 1, 2, 3, 4]


async def test_two_that_fail_at_once_leave_no_error_that_nobody_looked_at() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, said: complaints.append(said))
    with pytest.raises(UnusableResponse, match="failed"):
        [one async for one in bounded_map(_fails, range(4), 4)]
    gc.collect()
    assert complaints == []


async def test_shared_work_survives_who_gives_up_and_stops_with_the_last() -> None:
    """Fault: the first task to be cancelled took the work from all others that waited for it."""
    go, ended = asyncio.Event(), list[str]()

    async def work() -> str:
        try:
            await go.wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "done"

    shared = SharedWork(work())
    first, second = (asyncio.create_task(shared.result()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert shared.is_usable
    go.set()
    assert await second == await shared.result() == "done"
    go.clear()
    alone = SharedWork(work())
    one = asyncio.create_task(alone.result())
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    await asyncio.sleep(0)
    assert ended == ["cancelled"]
    assert not alone.is_usable


async def test_shared_work_that_failed_is_not_usable_again() -> None:
    shared = SharedWork(_fails(1))
    with pytest.raises(UnusableResponse):
        await shared.result()
    assert not shared.is_usable
