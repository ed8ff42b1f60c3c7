"""Thumbs up and down on single responses: ordinal evidence with a threshold per person.

P(up) = σ(r(x) − τ_u), where r is the reward of the response and τ_u ~ N(mean, deviation²) the person's threshold, which
is fitted together with their weights. People differ more in how readily they give a thumb up than in what they prefer;
with one common threshold, a person who likes most responses would seem to prefer every trait. The distribution of
thresholds is learned by expectation–maximisation (`learned`); without a population it is wide.

Source: McCullagh 1980, Regression models for ordinal data (two categories).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from personalrm.models.traits.fit import Array


class Threshold(NamedTuple):
    """Normal distribution of people's thresholds, in log-odds."""

    mean: float
    deviation: float

    @classmethod
    def from_json(cls, state: Any) -> Threshold:
        """From ``[mean, deviation]``. Raises TypeError or ValueError for anything else."""
        mean, deviation = (float(one) for one in state)
        if not (abs(mean) <= _MOST and _LEAST <= deviation <= _MOST):
            raise ValueError(f"a threshold of mean {mean:g} and deviation {deviation:g}")
        return cls(mean, deviation)


Person = TypeVar("Person")
USUAL = Threshold(0.0, 2.0)
"""Distribution without a population; wide enough for people with nine thumbs up in ten, or with one."""
FEWEST_PEOPLE = 5
_TRUST = 10  # pseudo-people behind each of the two priors in `learned`
_ROUNDS = 20
_LEAST, _MOST = 0.1, 100.0


def rows(rewards: Array, liked: Sequence[bool], threshold: Threshold) -> tuple[Array, Array, Array]:
    """Thumbs as stages with one other option (see `softmax.Stages`).

    Args:
        rewards: rewards of the responses by the population's weights (n,).
        liked: whether each thumb is up (n,).
        threshold: distribution of thresholds.

    Returns:
        Offsets (n,), the sign of the response's features in each stage (n,), and the coefficient of the standardised
        threshold (τ − mean) / deviation (n,).
    """
    sign = np.where(np.asarray(liked, dtype=bool), -1.0, 1.0)
    return sign * (rewards - threshold.mean), sign, -sign * threshold.deviation


def learned(people: Sequence[Person], posterior: Callable[[Person, Threshold], tuple[float, float]]) -> Threshold:
    """Learn the distribution of thresholds over people; `USUAL` with fewer than `FEWEST_PEOPLE`.

    Expectation and conditional maximisation of
    Σᵤ log p(thumbsᵤ | m, s²) − k (m − m₀)² / (2 s₀²) − k (log s² + s₀² / s²) / 2:
    independent priors m ~ N(m₀, s₀²/k) and, for s², an inverse gamma distribution with mode s₀² that counts as
    k = ``_TRUST`` people. With each person's posterior mean mᵤ and variance vᵤ,
    m = (Σ mᵤ / s² + k m₀ / s₀²) / (n / s² + k / s₀²), then s² = (Σ (vᵤ + (mᵤ − m)²) + k s₀²) / (n + k).

    The conjugate prior (k pseudo-people with thresholds N(m₀, s₀²)) would add k (m₀ − m)² to the variance: if all
    people are strict, it takes their distance from m₀ for differences among them. In simulations of 20 people with a
    mean of −2 and a deviation of 0.6 it costs .012 nats per thumb.

    Args:
        people: arguments for ``posterior``.
        posterior: returns mean and variance of one person's threshold in log-odds, given a distribution.
    """
    found = USUAL
    if len(people) < FEWEST_PEOPLE:
        return found
    for _ in range(_ROUNDS):
        each = [posterior(one, found) for one in people]
        count = len(each) + _TRUST
        trust = _TRUST * (found.deviation / USUAL.deviation) ** 2
        mean = (sum(one for one, _ in each) + trust * USUAL.mean) / (len(each) + trust)
        spread = sum(variance + (one - mean) ** 2 for one, variance in each) + _TRUST * USUAL.deviation**2
        found = Threshold(mean, max(math.sqrt(spread / count), _LEAST))
    return found
