"""What a row of predictions is worth: accuracy, coverage, log loss, Brier score. One function a metric.

Every metric takes ``probability``, an array of shape (pairs,): the probability the method gave to the response that the
person really chose, NaN where it gave none. Unscored pairs are neither right nor wrong: they lower coverage alone.

    p = np.array([0.9, 0.4, 0.5, np.nan])
    accuracy(p), coverage(p)         # 0.5, 0.75
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SURE = 1e-9
"""Log loss takes no probability as further from 0 or 1 than this, so that one mistake costs 20.7 nats at most."""


def correctness(probability: Floats) -> Floats:
    """1 for right, 0 for wrong, NaN for unscored, and 0.5 for an exactly even probability, shape (pairs,).

    An even probability earns what a coin would in expectation (as a tie of k does in RewardBench: 1/k), so that two
    responses of equal length neither help nor hurt the longer and the shorter baseline. It is no way out for an
    undecided judge: an answer that names no side is unscored. The paper counts ties as wrong instead.
    """
    right = (probability > 0.5) + 0.5 * (probability == 0.5)
    return np.where(np.isnan(probability), np.nan, right)


def accuracy(probability: Floats) -> float | None:
    """Mean correctness of the scored pairs, in [0, 1]; None if there are none."""
    return _mean(correctness(probability))


def coverage(probability: Floats) -> float:
    """Share of the pairs that were scored, in [0, 1]; 0 for no pairs."""
    return float(np.mean(~np.isnan(probability))) if probability.size else 0.0


def log_loss(probability: Floats) -> float | None:
    """Mean of -ln p of the scored pairs, nats a choice; ln 2 = 0.693 is knowing nothing. None if there are none."""
    return _mean(-np.log(np.clip(probability, _SURE, 1.0)))


def brier(probability: Floats) -> float | None:
    """Mean of (1 - p)² of the scored pairs; 0.25 is knowing nothing. None if there are none."""
    return _mean((1.0 - probability) ** 2)


def _mean(values: Floats) -> float | None:
    scored = values[~np.isnan(values)]
    return float(scored.mean()) if scored.size else None
