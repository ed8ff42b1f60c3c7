"""No text makes a regular expression of the package slow: the time grows in proportion to the length."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise

import pytest
from each import each
from growth import ATTEMPTS, too_steep
from hypothesis import given
from hypothesis import strategies as st
from pumps import anchored, made_at_run_time, module_of, modules, patterns, pumps

from personalrm.formatting.expressions import bounded

Lengths = tuple[int, ...]
MODULES = modules()
LINEAR = {
    "personalrm.data.simulated",  # words with | between
    "personalrm.formatting.expressions",  # `bounded` itself
    "personalrm.llm.credentials",  # one credential between what is no letter; a run of masks
    "personalrm.llm.loose_json",  # one character of a set
    "personalrm.models.judges.general_terms",  # a person's id and its parts with | between
    "personalrm.prompts.marks",  # marks with | between
    "personalrm.synthesis.grounding",  # one word
}
"""Modules that put an expression together at run time, of literal text alone: no repeat but of a fixed text."""
GROWTH = 2.5
"""Times more than in proportion that a longer text may take. Quadratic is 8 times."""
FLOOR_S = 0.0003
"""Seconds that a short text counts for at least: 2,000 characters in 6 ms are never too slow."""
A_MEGABYTE = 1.0
"""Seconds of CPU time for a megabyte."""
SHORT, LONG = (250, 2_000), (500, 4_000, 32_000)
"""Characters that are tried: always, and in the slow tests."""


def _search(pattern: re.Pattern[str], anchor: bool) -> Callable[[str], object]:
    def search(text: str) -> None:
        if anchor:
            pattern.match(text)
            pattern.fullmatch(text)
        else:
            deque(pattern.finditer(text), maxlen=0)

    return search


def _spent(pattern: re.Pattern[str], text: str, anchor: bool) -> float:
    began = time.thread_time()
    _search(pattern, anchor)(text)
    return time.thread_time() - began


def _too_slow(
    pattern: re.Pattern[str], prefix: str, unit: str, end: str, anchor: bool, lengths: Lengths, attempts: int = ATTEMPTS
) -> str | None:
    """What was too slow, and how slow; None if nothing was."""
    for shorter, longer in pairwise(lengths):
        short, long = (prefix + unit * (length // len(unit)) + end for length in (shorter, longer))
        most = GROWTH * longer / shorter
        steep = too_steep(_search(pattern, anchor), short, long, most, floor=FLOOR_S, attempts=attempts)
        if steep is not None:
            return f"{shorter} -> {longer} characters of {prefix!r} + {unit!r}: {steep}"
    return None


def _of(module: str) -> dict[str, re.Pattern[str]]:
    return {name: one for name, one in patterns().items() if module_of(name) == module}


def _slow_ones(module: str, lengths: Lengths) -> dict[str, str]:
    """The module's expressions that are too slow, and on what."""
    found = {
        name: next(filter(None, (_too_slow(one, *pump, anchored(name), lengths) for pump in pumps(one))), None)
        for name, one in _of(module).items()
    }
    return {name: why for name, why in found.items() if why is not None}


@each("module", MODULES)
def test_the_time_grows_in_proportion_to_the_text(module: str) -> None:
    assert _slow_ones(module, SHORT) == {}


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_the_time_grows_in_proportion_to_a_longer_text(module: str) -> None:
    assert _slow_ones(module, LONG) == {}


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_a_megabyte_takes_a_second_at_most(module: str) -> None:
    for name, pattern in _of(module).items():
        for prefix, unit, end in pumps(pattern):
            text = prefix + unit * (1_000_000 // len(unit)) + end
            spent = _spent(pattern, text, anchored(name))
            if spent > A_MEGABYTE:
                spent = min(spent, *(_spent(pattern, text, anchored(name)) for _ in range(3)))
            assert spent <= A_MEGABYTE, (name, prefix, unit)


def test_an_expression_that_is_made_at_run_time_is_named_here() -> None:
    """`patterns` finds what modules hold and what is written out in calls; the rest must be known to be linear."""
    assert {where.rpartition(":")[0] for where in made_at_run_time()} == LINEAR


def test_every_expression_is_looked_at() -> None:
    names = patterns()
    assert len(names) > 120
    assert {module_of(name) for name in names} <= set(MODULES)
    assert any("grounding" in name for name in names)
    assert any("verdicts" in name for name in names)
    assert any("json_rows" in name for name in names), "expressions of bytes as well"


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
    return _too_slow(pattern, prefix, unit, end, False, SHORT, attempts=1)


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
