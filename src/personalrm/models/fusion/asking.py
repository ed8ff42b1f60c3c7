"""Decides when to ask a judge: only if its answer can change the predicted response.

    last = extremes(logit, answered, weights, waiting)       # the lowest and highest log-odds that are still possible
    value_of_asking(logit, last)                          # maximum gain of accuracy from the answers

A judge whose answers are independent of the traits and correct with probability σ(b) shifts the log-odds by ±b. If it
disagrees, following it is correct with probability σ(b), ignoring it with σ(|ℓ|): the gain from asking is σ(b) −
σ(|ℓ|), and 0 if |ℓ| ≥ b.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product


def fused_of(logit: float, shifts: Sequence[tuple[float, float]]) -> float:
    """ℓ + Σ b·v / √n from (weight b, shift b·v) of each judge that answered; n as in `weights.fused_logit`."""
    absolute = sum(abs(weight) for weight, _ in shifts)
    squares = sum(weight * weight for weight, _ in shifts)
    if squares == 0.0:
        return logit
    return logit + sum(shift for _, shift in shifts) / math.sqrt(absolute * absolute / squares)


def extremes(
    logit: float, answered: Sequence[tuple[float, float]], waiting: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """The exact lowest and highest log-odds that are still possible.

    Args:
        logit: log-odds by traits.
        answered: (weight, shift) of each judge that answered.
        waiting: (weight, largest shift) of each judge that can still be asked; each may also give no verdict, which
            changes the number of judges. All 2^k cases of k judges are tried.
    """
    lows, highs = [], []
    for answers in product((False, True), repeat=len(waiting)):
        some = [one for one, answered in zip(waiting, answers, strict=True) if answered]
        lows.append(fused_of(logit, [*answered, *((weight, -abs(most)) for weight, most in some)]))
        highs.append(fused_of(logit, [*answered, *((weight, abs(most)) for weight, most in some)]))
    return min(lows), max(highs)


def value_of_asking(now: float, possible: tuple[float, float]) -> float:
    """Maximum expected gain of accuracy from further answers, in [0, 0.5); 0 if none can change the decision.

    Args:
        now: the current log-odds.
        possible: result of `extremes`.
    """
    beyond = max(0.0, -possible[0] if now >= 0.0 else possible[1])
    return 0.0 if beyond == 0.0 else _sigmoid(abs(now) + beyond) - _sigmoid(abs(now))


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
