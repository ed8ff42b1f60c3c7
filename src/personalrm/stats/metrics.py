"""Metrics of predictions, one function each: accuracy, coverage, log loss, Brier score.

Every metric takes ``probability``, an array of shape (pairs,): the probability that the method assigned to the response
that the person chose, NaN if unscored. Unscored pairs lower the coverage only; they are neither right nor wrong.
``weight``, of the same shape, is the weight of each pair (`data.shares`); None means equal weights.

    p = np.array([0.9, 0.4, 0.5, np.nan])
    accuracy(p), coverage(p)         # 0.5, 0.75
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SURE = 1e-9
"""Probabilities are clipped at this value in the log loss, so that one mistake costs at most 20.7 nats."""


def correctness(probability: Floats) -> Floats:
    """1 for right, 0 for wrong, 0.5 for a probability of exactly 0.5, NaN for unscored, shape (pairs,).

    A probability of 0.5 scores the expectation of a coin flip (RewardBench: 1/k for a tie of k), so that two responses
    of equal length do not change the accuracy of the length baselines. A judge's answer that names no side is unscored
    and does not get 0.5. The paper (arXiv 2506.05598) counts ties as wrong.
    """
    right = (probability > 0.5) + 0.5 * (probability == 0.5)
    return np.where(np.isnan(probability), np.nan, right)


def accuracy(probability: Floats, weight: Floats | None = None) -> float | None:
    """Mean correctness of the scored pairs, in [0, 1]; None if no pair is scored."""
    return mean(correctness(probability), weight)


def coverage(probability: Floats, weight: Floats | None = None) -> float:
    """Share of the pairs that were scored, in [0, 1]; 0 without pairs."""
    return mean((~np.isnan(probability)).astype(np.float64), weight) or 0.0


def log_loss(probability: Floats, weight: Floats | None = None) -> float | None:
    """Mean of -ln p over the scored pairs, in nats; a constant 0.5 gives ln 2 = 0.693. None if no pair is scored."""
    return mean(-np.log(np.clip(probability, _SURE, 1.0)), weight)


def brier(probability: Floats, weight: Floats | None = None) -> float | None:
    """Brier score: mean of (1 - p)² over the scored pairs; a constant 0.5 gives 0.25. None if no pair is scored."""
    return mean((1.0 - probability) ** 2, weight)


def mean(values: Floats, weight: Floats | None = None) -> float | None:
    """Mean of the values that are not NaN; None if there are none."""
    scored = ~np.isnan(values)
    if not scored.any():
        return None
    return float(values[scored].mean() if weight is None else np.average(values[scored], weights=weight[scored]))
