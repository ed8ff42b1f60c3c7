"""Calibration of probabilities: the calibration curve (reliability diagram) and the expected calibration error (ECE).

found = calibration(probability_of_a, a_was_preferred, users)
found.error                  # 0.031
found.by_chance              # (0.012, 0.035): ECE of a perfectly calibrated judge on as many pairs, 95 % range
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from personalrm.stats.intervals import Codes, Floats, interval

BINS = 10
"""Number of bins, with equal numbers of pairs; fewer if a bin would hold fewer than `MIN_BIN` pairs."""
MIN_BIN = 20
DRAWS = 2_000
"""Bootstrap draws of each bin's interval; fewer than in `intervals`, because two digits are enough for the chart."""
_PERFECT_DRAWS = 400


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs with similar probabilities: mean prediction, observed frequency and its 95 % interval."""

    predicted: float
    observed: float
    low: float | None
    high: float | None
    pairs: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration curve and the expected calibration error (ECE).

    Attributes:
        curve: bins in order of probability.
        error: ECE, weighted by pairs. It is biased upwards on few pairs, also for a calibrated judge.
        by_chance: 95 % range of the ECE of a perfectly calibrated judge with the same probabilities. An ECE above it
            means miscalibration. (A bootstrap interval of the ECE is not given: resampling adds the sampling noise a
            second time and rejects a perfectly calibrated judge in 4 of 10 samples.)
    """

    curve: tuple[Bin, ...]
    error: float
    by_chance: tuple[float, float]


def calibration(
    probability: Floats, came_true: Floats, people: Codes, seed: int = 0, weight: Floats | None = None
) -> Calibration | None:
    """Compare predicted probabilities with observed outcomes (calibration curve and ECE).

    Parameters
    ----------
    probability : ndarray of float, shape (pairs,)
        Probability of an event that is defined without the label, such as "the response shown first is preferred";
        no NaN.
    came_true : ndarray of float, shape (pairs,)
        Observed outcome: 1.0 if the event happened, else 0.0.
    people : ndarray of int, shape (pairs,)
        Integer code of each pair's person.
    seed : int
        Random seed of the bootstrap and of the simulated judge.
    weight : ndarray of float, shape (pairs,), or None
        Weight of each pair in the means; bins contain equal numbers of pairs.

    Returns
    -------
    Calibration or None
        None with fewer pairs than two bins need (40).

    References
    ----------
    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
    AAAI 2015 (the ECE).
    """
    number = min(BINS, len(probability) // MIN_BIN)
    if number < 2:
        return None
    bins = _binned(probability, number)
    counts = np.ones(len(probability)) if weight is None else weight
    inside = [(mask, None if weight is None else weight[mask]) for mask in (bins == one for one in range(number))]
    return Calibration(
        curve=tuple(_bin(probability[one], came_true[one], people[one], own, seed) for one, own in inside),
        error=_error(probability - came_true, bins, counts),
        by_chance=_by_chance(probability, bins, counts, seed),
    )


def _binned(probability: Floats, number: int) -> Codes:
    """The bin of each pair; bin sizes differ by one at most."""
    bins = np.empty(len(probability), dtype=np.int64)
    for at, places in enumerate(np.array_split(np.argsort(probability, kind="stable"), number)):
        bins[places] = at
    return bins


def _bin(probability: Floats, came_true: Floats, people: Codes, weight: Floats | None, seed: int) -> Bin:
    low, high = interval(came_true, people, seed, DRAWS, weight) or (None, None)
    predicted, observed = (float(np.average(one, weights=weight)) for one in (probability, came_true))
    return Bin(predicted, observed, low, high, len(probability))


def _error(apart: Floats, bins: Codes, weight: Floats) -> float:
    return float(np.abs(np.bincount(bins, weights=weight * apart)).sum() / weight.sum())


def _by_chance(probability: Floats, bins: Codes, weight: Floats, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    draws = (probability - (rng.random(len(probability)) < probability) for _ in range(_PERFECT_DRAWS))
    low, high = np.quantile([_error(apart, bins, weight) for apart in draws], [0.025, 0.975])
    return float(low), float(high)
