"""No text makes a regular expression of the package slow: the time grows in proportion to the length."""

from __future__ import annotations

import re
import time
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pumps import anchored, patterns, pumps

from personalrm.formatting.expressions import bounded

PATTERNS = patterns()
GROWTH = 2.5
"""Times more than in proportion that a longer text may take: a busy machine's noise. Quadratic is 4 times."""
NOTHING = 0.004
"""Seconds that say nothing about growth."""
A_MEGABYTE = 1.0
"""Seconds for a megabyte, of the 32 kB that are tried: 1 s in 32."""


def _spent(pattern: re.Pattern[str], text: str, anchor: bool) -> float:
    began = time.process_time()
    if anchor:
        pattern.match(text)
        pattern.fullmatch(text)
    else:
        deque(pattern.finditer(text), maxlen=0)
    return time.process_time() - began


def _too_slow(pattern: re.Pattern[str], prefix: str, unit: str, end: str, anchor: bool) -> str | None:
    before = None
    for length in (500, 2_000, 8_000, 32_000):
        text = prefix + unit * (length // len(unit)) + end
        spent = _spent(pattern, text, anchor)
        if length == 8_000 and spent < NOTHING / 8:
            return None
        if spent > NOTHING:
            spent = min(spent, _spent(pattern, text, anchor))
        if spent > NOTHING and before is not None and spent > 4 * GROWTH * max(before, NOTHING / 10):
            return f"{length} characters of {prefix!r} + {unit!r} took {spent:.3f} s, a quarter of them {before:.4f} s"
        if spent > NOTHING and spent > 3 * A_MEGABYTE * length / 1_000_000:
            return f"{length} characters of {prefix!r} + {unit!r} took {spent:.3f} s"
        before = spent
    return None


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_the_time_grows_in_proportion_to_the_text(name: str) -> None:
    pattern, anchor = PATTERNS[name], anchored(name)
    slow = (_too_slow(pattern, *pump, anchor) for pump in pumps(pattern))
    assert next((one for one in slow if one), None) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_megabyte_takes_a_second_at_most(name: str) -> None:
    pattern, anchor = PATTERNS[name], anchored(name)
    for prefix, unit, end in pumps(pattern):
        text = prefix + unit * (1_000_000 // len(unit)) + end
        spent = min(_spent(pattern, text, anchor) for _ in range(2))
        assert spent <= A_MEGABYTE * 1.5, (prefix, unit)  # the bar is for an idle machine


def test_every_expression_is_looked_at() -> None:
    assert len(PATTERNS) > 120
    assert any("grounding" in name for name in PATTERNS)
    assert any("verdicts" in name for name in PATTERNS)


@pytest.mark.parametrize("bad", [r"(a+)+b", r"\s*\n\s*x", r"\W*and", r"a.*b.*c", r"\S*\*{3}", r"^\s*-\s", r"(a|a)*b"])
def test_the_measure_finds_slow_expressions(bad: str) -> None:
    pattern = re.compile(bad, re.MULTILINE)

    def first_slow() -> str | None:
        tried = (pump for pump in pumps(pattern) if len(pump[1]) < 5)
        return next((one for one in (_too_slow_within(pattern, *pump) for pump in tried) if one), None)

    assert first_slow() is not None


def _too_slow_within(pattern: re.Pattern[str], prefix: str, unit: str, end: str) -> str | None:
    """As `_too_slow`, but an exponential one is given up early."""
    for length in (10, 16, 22):
        if _spent(pattern, prefix + unit * (length // len(unit)) + end, anchor=False) > 0.05:
            return "exponential"
    return _too_slow(pattern, prefix, unit, end, anchor=False)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (r"\W*(?:and|or)\s+", r"\W{0,12}(?:and|or)\s{1,12}"),
        (r"a*+b+?c{2,}d{3,}+[*+]\*\+", r"a*+b{1,12}?c{2,12}d{3,}+[*+]\*\+"),
        (r"[]*]x*[^]+]y+", r"[]*]x{0,12}[^]+]y{1,12}"),
        (r"(?:a|b)*c{3}d{1,2}", r"(?:a|b){0,12}c{3}d{1,2}"),
    ],
)
def test_repeats_are_bounded_where_they_stand(written: str, means: str) -> None:
    assert bounded(written).pattern == means


@given(st.text("ab *_", max_size=12))
def test_a_bounded_expression_finds_what_the_unbounded_one_does_in_short_texts(text: str) -> None:
    for pattern in (r"a*b+", r"(?:a| )*b", r"[a_]+ *", r"a+?b*"):
        assert [found.span() for found in re.finditer(pattern, text)] == [
            found.span() for found in bounded(pattern).finditer(text)
        ]
