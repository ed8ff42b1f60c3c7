"""The measure of growth finds what is quadratic, lets pass what is linear, and is not misled by a busy machine."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable

import growth
import pytest
from growth import ATTEMPTS, TRIES, assert_growth, too_steep

SHORT, LONG, MOST = 1_000, 8_000, 20.0
"""Lengths, and the growth that is allowed: 8 is linear, 64 quadratic."""


@pytest.fixture
def spend(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A clock that goes on only by what a call says that it spends."""
    now = 0.0

    def add(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(growth, "clock", lambda: now)
    return add


def test_linear_passes_and_quadratic_does_not(spend: Callable[[float], None]) -> None:
    assert_growth(lambda length: spend(length * 1e-5), SHORT, LONG, MOST)
    with pytest.raises(AssertionError, match="20 times"):
        assert_growth(lambda length: spend(length**2 * 1e-8), SHORT, LONG, MOST)


def test_a_quadratic_expression_is_found_by_its_real_time() -> None:
    pattern = re.compile(r"\s*\n\s*x")
    assert too_steep(pattern.search, " " * SHORT, " " * LONG, MOST, attempts=2) is not None
    assert too_steep(re.compile(r"\s*+x").match, " " * SHORT, " " * LONG, MOST) is None


def test_one_quiet_moment_is_enough(spend: Callable[[float], None]) -> None:
    """All but one call of the last measurement are disturbed."""
    calls = 0

    def disturbed(length: int) -> None:
        nonlocal calls
        calls += length == LONG
        quiet = calls == 1 + (ATTEMPTS - 1) * TRIES
        spend(length * 1e-5 * (1 if length == SHORT or quiet else 10))

    assert_growth(disturbed, SHORT, LONG, MOST)
    assert calls == 1 + (ATTEMPTS - 1) * TRIES


def test_microseconds_are_not_compared(spend: Callable[[float], None]) -> None:
    assert_growth(lambda length: spend(1e-9 if length == SHORT else 0.03), SHORT, LONG, MOST)


def test_nothing_is_collected_meanwhile_and_the_collector_is_as_before() -> None:
    seen = []
    assert_growth(lambda _: seen.append(gc.isenabled()), SHORT, LONG, MOST)
    assert seen
    assert not any(seen)
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        assert_growth(lambda _: 1 // 0, SHORT, LONG, MOST)
    assert gc.isenabled()
