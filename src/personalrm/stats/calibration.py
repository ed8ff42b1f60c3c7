"""Whether probabilities come true: the calibration curve and the expected calibration error (ECE).

found = calibration(probability_of_a, a_was_preferred, users)
found.error                  # 0.031
found.by_chance              # (0.012, 0.035): what a perfectly calibrated judge would show on so few pairs
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalrm.stats.intervals import Codes, Floats, interval

BINS = 10
"""Bins of equal numbers of pairs; fewer where a bin would hold under `MIN_BIN` of them."""
MIN_BIN = 20
DRAWS = 2_000
"""There are many bins and nothing is decided by their third digit."""
_PERFECT_DRAWS = 400


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs with similar probabilities: what was predicted on average, what came true, and its 95 % interval."""

    predicted: float
    observed: float
    low: float | None
    high: float | None
    pairs: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The curve, and the mean distance of its bins from the diagonal.

    Attributes:
        curve: bins in order of probability.
        error: ECE, weighted by pairs. It is never 0 for few pairs, however good the judge.
        by_chance: where the ECE of a judge lies in 95 of 100 cases whose every probability is true, on the same pairs.
            Above it the judge is miscalibrated. (There is no interval of the ECE: resampling adds to it the noise
            that is in it already, and takes a perfect judge for a miscalibrated one in 4 of 10 samples.)
    """

    curve: tuple[Bin, ...]
    error: float
    by_chance: tuple[float, float]


def calibration(probability: Floats, came_true: Floats, people: Codes, seed: int = 0) -> Calibration | None:
    """Compare probabilities with what happened (reliability curve and expected calibration error).

    Parameters
    ----------
    probability : ndarray of float, shape (pairs,)
        Of an event that does not depend on the truth, such as "the response shown first is preferred"; all scored.
    came_true : ndarray of float, shape (pairs,)
        1.0 where it happened, else 0.0.
    people : ndarray of int, shape (pairs,)
        Code of the person behind each pair.
    seed : int
        Random seed of the draws.

    Returns
    -------
    Calibration or None
        None with too few pairs for two bins.
    """
    number = min(BINS, len(probability) // MIN_BIN)
    if number < 2:
        return None
    bins = _binned(probability, number)
    return Calibration(
        curve=tuple(_bin(probability, came_true, people, bins == one, seed) for one in range(number)),
        error=_error(probability - came_true, bins),
        by_chance=_by_chance(probability, bins, seed),
    )


def _binned(probability: Floats, number: int) -> Codes:
    """The bin of each pair; as equal in size as can be."""
    bins = np.empty(len(probability), dtype=np.int64)
    for at, places in enumerate(np.array_split(np.argsort(probability, kind="stable"), number)):
        bins[places] = at
    return bins


def _bin(probability: Floats, came_true: Floats, people: Codes, inside: NDArray[np.bool_], seed: int) -> Bin:
    low, high = interval(came_true[inside], people[inside], seed, DRAWS) or (None, None)
    return Bin(float(probability[inside].mean()), float(came_true[inside].mean()), low, high, int(inside.sum()))


def _error(apart: Floats, bins: Codes) -> float:
    return float(np.abs(np.bincount(bins, weights=apart)).sum() / len(apart))


def _by_chance(probability: Floats, bins: Codes, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    draws = (probability - (rng.random(len(probability)) < probability) for _ in range(_PERFECT_DRAWS))
    low, high = np.quantile([_error(apart, bins) for apart in draws], [0.025, 0.975])
    return float(low), float(high)
