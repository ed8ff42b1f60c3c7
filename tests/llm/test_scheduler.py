"""The scheduler alone: order, limits, and places that are never lost whatever is cancelled when."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalrm.llm.scheduler import Scheduler


def test_at_least_one_at_a_time() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Scheduler(0)


async def test_lower_priority_numbers_go_first_then_first_come_first_served() -> None:
    scheduler, order = Scheduler(1), []

    async def one(name: str, priority: int) -> None:
        async with scheduler.slot(priority):
            order.append(name)
            await asyncio.sleep(0)

    await scheduler.acquire(5, scheduler.turn())
    waiting = [asyncio.create_task(one(*of)) for of in (("c", 2), ("a", 0), ("d", 2), ("b", 1))]
    await asyncio.sleep(0)
    scheduler.release()
    await asyncio.gather(*waiting)
    assert order == ["a", "b", "c", "d"]


async def test_an_earlier_turn_goes_before_later_ones() -> None:
    scheduler, order = Scheduler(1), []
    again = scheduler.turn()

    async def one(name: str, turn: int | None = None) -> None:
        async with scheduler.slot(0, turn):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(one("holds"), one("new"), one("again", again))
    assert order == ["holds", "again", "new"]


@settings(max_examples=60, deadline=None)
@given(
    limit=st.integers(1, 5),
    seed=st.integers(0, 2**32),
    count=st.integers(1, 40),
    refusals=st.floats(0, 0.3),
)
def test_random_cancels_lose_no_place_and_never_exceed_the_limit(
    limit: int, seed: int, count: int, refusals: float
) -> None:
    async def check() -> None:
        rng, scheduler = random.Random(seed), Scheduler(limit)
        inside = most = 0

        async def work() -> None:
            nonlocal inside, most
            started = asyncio.get_running_loop().time()
            async with scheduler.slot(rng.randrange(3)):
                inside += 1
                most = max(most, inside)
                try:
                    for _ in range(rng.randrange(4)):
                        await asyncio.sleep(0)
                    if rng.random() < refusals:
                        scheduler.slow_down(rng.choice([0.0005, 0.002]), started)
                    else:
                        scheduler.succeeded()
                finally:
                    inside -= 1

        tasks = [asyncio.create_task(work()) for _ in range(count)]
        for _ in range(count):
            await asyncio.sleep(0)
            if rng.random() < 0.5:
                rng.choice(tasks).cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 120)
        assert most <= limit
        assert scheduler.busy == 0
        for _ in range(100):  # all places are there again
            scheduler.succeeded()
        await asyncio.wait_for(asyncio.gather(*(scheduler.acquire(0, scheduler.turn()) for _ in range(limit))), 120)

    asyncio.run(check())


async def test_a_burst_of_refusals_finds_what_the_host_serves() -> None:
    """64 sent, 48 refused, 16 served: half at first, then what was really served."""
    scheduler = Scheduler(64)
    loop = asyncio.get_running_loop()
    for sent in (64, 32):
        started = loop.time()
        await asyncio.sleep(0.001)
        for _ in range(sent - scheduler.busy):
            await scheduler.acquire(0, scheduler.turn())
        for _ in range(sent - 16):
            scheduler.slow_down(0.01, loop.time() if sent == 0 else started + 0.0005)
            scheduler.release()
        assert scheduler.limit == sent // 2
        await asyncio.sleep(0.02)
    assert scheduler.busy == 16


async def test_nothing_is_sent_while_the_host_asks_to_wait() -> None:
    scheduler = Scheduler(4)
    loop = asyncio.get_running_loop()
    await scheduler.acquire(0, scheduler.turn())
    started = loop.time()
    scheduler.slow_down(0.15, loop.time())
    scheduler.slow_down(0.05, loop.time())  # the longer wait stays
    scheduler.release()
    async with scheduler.slot():
        assert loop.time() - started >= 0.149


async def test_pauses_grow_while_nothing_succeeds_and_start_anew_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that jumps to the end of each pause."""
    scheduler, loop = Scheduler(4), asyncio.get_running_loop()
    now, call_at = loop.time(), loop.call_at
    pauses: list[float] = []

    def jump(when: float, *callback: Any, **context: Any) -> asyncio.TimerHandle:
        nonlocal now
        pauses.append(when - now)
        now = when
        return call_at(when, *callback, **context)

    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(loop, "call_at", jump)

    async def refused() -> None:
        await scheduler.acquire(0, scheduler.turn())
        scheduler.slow_down(0, loop.time())
        scheduler.release()

    for _ in range(3):
        await refused()
    await scheduler.acquire(0, scheduler.turn())
    scheduler.release()
    scheduler.succeeded()
    await refused()
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.05])


async def test_successes_win_the_places_back_one_a_round_trip() -> None:
    scheduler, loop = Scheduler(16), asyncio.get_running_loop()
    sent = loop.time()
    for _ in range(16):
        await scheduler.acquire(0, scheduler.turn())
    for _ in range(12):
        scheduler.slow_down(0.001, sent)
        scheduler.release()
    low = scheduler.limit
    assert low == 8
    for _ in range(low + 1):
        scheduler.succeeded()
    assert scheduler.limit == low + 1
    for _ in range(1000):
        scheduler.succeeded()
    assert scheduler.limit == 16
