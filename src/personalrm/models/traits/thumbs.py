"""Thumbs up and down on single responses: ordinal evidence with a threshold per person.

P(up) = σ(r(x) − τ_u): the reward r of the response against the person's own threshold τ_u ~ N(mean, deviation²), which
is learned with their weights. People differ far more in how readily they give a thumb than in what they like: without a
threshold of their own a generous person's thumbs would say that they like everything. What thumbs tell of the
population's threshold is learned by expectation–maximisation (`learned`); without a population it is wide.

Source: McCullagh 1980, Regression models for ordinal data (two categories).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from personalrm.models.traits.fit import Array


class Threshold(NamedTuple):
    """How people's thresholds are distributed, log-odds."""

    mean: float
    deviation: float

    @classmethod
    def from_json(cls, state: Any) -> Threshold:
        """TypeError or ValueError unless it is a mean and a deviation."""
        mean, deviation = (float(one) for one in state)
        if not (abs(mean) <= _MOST and _LEAST <= deviation <= _MOST):
            raise ValueError(f"a threshold of mean {mean:g} and deviation {deviation:g}")
        return cls(mean, deviation)


Person = TypeVar("Person")
USUAL = Threshold(0.0, 2.0)
"""Without a population: wide enough for people who give nine thumbs up of ten, or one."""
FEWEST_PEOPLE = 5
_TRUST = 10  # people that the usual threshold counts for
_ROUNDS = 20
_LEAST, _MOST = 0.1, 100.0


def rows(rewards: Array, liked: Sequence[bool], threshold: Threshold) -> tuple[Array, Array, Array]:
    """Thumbs as stages of one other option.

    Args:
        rewards: of the responses by the population's weights (n,).
        liked: up or down.

    Returns:
        Offsets (n,), the sign of the response's features in the stage (n,), and the column of the threshold's own
        unknown, (τ − mean) / deviation (n,).
    """
    sign = np.where(np.asarray(liked, dtype=bool), -1.0, 1.0)
    return sign * (rewards - threshold.mean), sign, -sign * threshold.deviation


def learned(people: Sequence[Person], posterior: Callable[[Person, Threshold], tuple[float, float]]) -> Threshold:
    """The threshold's distribution among people.

    Args:
        people: whatever ``posterior`` takes.
        posterior: of one person under some distribution: mean and variance of their threshold, log-odds.
    """
    found = USUAL
    if len(people) < FEWEST_PEOPLE:
        return found
    for _ in range(_ROUNDS):
        each = [posterior(one, found) for one in people]
        count = len(each) + _TRUST
        mean = (sum(one for one, _ in each) + _TRUST * USUAL.mean) / count
        spread = sum(variance + (one - mean) ** 2 for one, variance in each) + _TRUST * USUAL.deviation**2
        found = Threshold(mean, max(math.sqrt(spread / count), _LEAST))
    return found
