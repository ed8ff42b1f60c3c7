"""How the CPU time of a call grows with its input, measured so that a busy machine changes nothing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

ATTEMPTS = 6
"""Measurements that must all be over the bound before a call counts as slow."""
TRIES = 3
"""Calls per length of which the quickest counts, from the second measurement on."""
FLOOR_S = 0.002
"""Seconds that a short input counts for at least: below, a cache miss or a timer tick decides."""


def clock() -> float:
    """CPU seconds of this thread: servers and collectors in other threads do not count."""
    return time.thread_time()


@contextmanager
def _uncollected() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _quickest(call: Callable[[T], object], given: T, tries: int) -> float:
    found = []
    for _ in range(tries):
        began = clock()
        call(given)
        found.append(clock() - began)
    return min(found)


def too_steep(
    call: Callable[[T], object], short: T, long: T, most: float, *, floor: float = FLOOR_S, attempts: int = ATTEMPTS
) -> str | None:
    """What was measured if the long input always takes more than `most` times the CPU time of the short one.

    None as soon as one measurement is within the bound. Choose `most` between the growth that is right and the growth
    that is not, a factor of 2.5 from both: for 8 times the length, 20 (8 is linear, 64 quadratic).
    """
    said = []
    with _uncollected():
        for attempt in range(attempts):
            tries = TRIES if attempt else 1
            lengthy = _quickest(call, long, tries)
            if lengthy <= most * floor:
                return None
            brief = _quickest(call, short, tries)
            if lengthy <= most * brief:
                return None
            said.append(f"{brief:.4f} s -> {lengthy:.4f} s")
    return f"more than {most:g} times in {attempts} of {attempts} measurements: {', '.join(said)}"


def assert_growth(
    call: Callable[[T], object], short: T, long: T, most: float, *, floor: float = FLOOR_S, attempts: int = ATTEMPTS
) -> None:
    """Fail if the long input always takes more than `most` times the CPU time of the short one; see `too_steep`."""
    steep = too_steep(call, short, long, most, floor=floor, attempts=attempts)
    assert steep is None, steep
