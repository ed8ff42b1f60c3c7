"""The Bradley–Terry loss, and the temperature that turns rewards into calibrated log-odds.

bradley_terry_loss(torch.tensor([1.0]), torch.tensor([0.0]))      # −log σ(1) = 0.3133
temperature(np.array([4.0, 3.0, -1.0]))                           # t such that σ(difference / t) is calibrated
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

COLDEST, HOTTEST = 1e-3, 100.0
"""Bounds of the temperature, which diverges for rewards that are no better than chance."""


Floats = NDArray[np.float64]


def bradley_terry_loss(
    chosen: Tensor, rejected: Tensor, margin: Tensor | None = None, weight: Tensor | None = None
) -> Tensor:
    """Mean of −weight · log σ(chosen − rejected − margin), in nats per pair; all of shape (pairs,)."""
    difference = chosen - rejected if margin is None else chosen - rejected - margin
    losses = -torch.nn.functional.logsigmoid(difference)
    return (losses if weight is None else losses * weight).mean()


def temperature(differences: Floats, weight: Floats | None = None) -> float:
    """The temperature that minimises the log loss of σ(difference / temperature); 1.0 without data.

    ``differences`` (pairs,) are rewards of the chosen minus the rejected response on held-out pairs. As in Platt
    scaling, n pairs count as n + 1 correct and one wrong, so that a few pairs that are all correct do not give extreme
    confidence. The loss is convex in 1/temperature; its derivative is bisected. ``weight`` (pairs,): weight of each
    pair; None: equal weights.
    """
    if not differences.any():
        return 1.0
    counted = np.ones(len(differences)) if weight is None else weight
    right = (counted.sum() + 1) / (counted.sum() + 2)

    def slope(inverse: float) -> float:
        expected = 0.5 * (1.0 + np.tanh(0.5 * inverse * differences))  # σ, without overflow
        return float((differences * (expected - right) * counted).mean())

    low, high = 1.0 / HOTTEST, 1.0 / COLDEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2.0 / (low + high)


def margin_log_loss(differences: Floats, weight: Floats | None = None) -> float:
    """Mean of −log σ(difference), nats per pair, with weights (pairs,)."""
    return float(np.average(np.logaddexp(0.0, -differences), weights=weight))
