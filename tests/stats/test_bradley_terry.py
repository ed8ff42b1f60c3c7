"""Bradley–Terry strengths against known answers and an independent optimiser."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalrm.stats.bradley_terry import ALL_PAIRS_UP_TO, PRIOR_SD, Comparison, pairs_to_compare, strengths

PROBABILITY = st.floats(0.001, 0.999)


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[int, list[Comparison]]:
    items = draw(st.integers(2, 7))
    pair = st.tuples(st.integers(0, items - 1), st.integers(0, items - 1), PROBABILITY).filter(
        lambda one: one[0] != one[1]
    )
    return items, draw(st.lists(pair, min_size=1, max_size=40))


def independent(items: int, made: list[Comparison]) -> np.ndarray:
    def loss(theta: np.ndarray) -> float:
        total = float(theta @ theta) / (2 * PRIOR_SD**2)
        for i, j, p in made:
            difference = theta[i] - theta[j]
            total += p * np.logaddexp(0, -difference) + (1 - p) * np.logaddexp(0, difference)
        return total

    from scipy.optimize import minimize

    found = minimize(loss, np.zeros(items), method="BFGS", options={"gtol": 1e-8}).x
    return found - found.mean()


@given(comparisons())
@settings(max_examples=60, deadline=None)
def test_agrees_with_a_general_optimiser(drawn: tuple[int, list[Comparison]]) -> None:
    items, made = drawn
    assert strengths(items, made) == pytest.approx(independent(items, made), abs=2e-3)


@given(comparisons())
@settings(deadline=None)
def test_sums_to_zero_and_turns_with_the_items_and_the_labels(drawn: tuple[int, list[Comparison]]) -> None:
    items, made = drawn
    found = strengths(items, made)
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(0, abs=1e-9)
    assert strengths(items, [(i, j, 1 - p) for i, j, p in made]) == pytest.approx(-found, abs=1e-6)
    assert strengths(items, [(j, i, 1 - p) for i, j, p in made]) == pytest.approx(found, abs=1e-6)
    turned = strengths(items, [(items - 1 - i, items - 1 - j, p) for i, j, p in made])
    assert turned[::-1] == pytest.approx(found, abs=1e-6)


def test_many_comparisons_recover_planted_strengths() -> None:
    planted = np.array([1.5, 0.5, 0.0, -0.4, -1.6])
    made = [(i, j, 1 / (1 + math.exp(planted[j] - planted[i]))) for i, j in itertools.combinations(range(5), 2)] * 200
    assert strengths(5, made) == pytest.approx(planted, abs=0.01)


def test_who_wins_every_comparison_stays_finite_also_when_there_are_thousands() -> None:
    for times in (1, 100, 5000):
        best, worst = strengths(2, [(0, 1, 1.0)] * times)
        assert 0 < best < 12
        assert worst == pytest.approx(-best)
    assert strengths(3, []).tolist() == [0.0, 0.0, 0.0]
    assert strengths(1, []).tolist() == [0.0]


def test_an_item_that_was_never_compared_stays_between_the_others() -> None:
    found = strengths(3, [(0, 1, 0.9)] * 5)
    assert found[0] > found[2] > found[1]
    assert found[2] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("items", [0, 1, 2, 5, 8, 9, 20, 64])
def test_pairs_are_distinct_connected_and_few(items: int) -> None:
    pairs = pairs_to_compare(items)
    assert all(0 <= i < j < items for i, j in pairs)
    assert len(set(pairs)) == len(pairs)
    if items <= ALL_PAIRS_UP_TO:
        assert len(pairs) == items * (items - 1) // 2
        return
    assert items <= len(pairs) <= items * items.bit_length()
    linked = {0}
    for _ in range(items):
        linked |= {one for pair in pairs if linked & set(pair) for one in pair}
    assert linked == set(range(items))
    counts = [sum(one in pair for pair in pairs) for one in range(items)]
    assert min(counts) >= 2


def test_comparisons_without_a_probability_are_unscored() -> None:
    """Fault: one NaN made all strengths NaN."""
    known = [(0, 1, 0.8), (1, 2, 0.7)]
    assert strengths(3, [*known, (0, 2, float("nan"))]) == pytest.approx(strengths(3, known))
    assert strengths(3, [(0, 2, float("nan"))]) == pytest.approx(np.zeros(3))
