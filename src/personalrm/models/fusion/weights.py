"""Weights of judges' verdicts in a fused reward, as plain functions over arrays.

    weight = judge_weight(logit, verdict)                     # of one judge, from labelled verdicts
    earned_weight(logit, verdict).weight                      # shrunken, or 0 without a sufficient gain
    logit = fused_logit(logit, verdicts, weights)             # of each pair, from all of its judges

All values are "chosen minus rejected" or "a minus b": ``logit`` is the log-odds without the judge, ``verdict`` the
judge's verdict with the sign of the response that it favours: ±1, or log-odds (up to `SOFTEST`), 0 for an even verdict
and NaN if unscored; infinite ones are unscored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits.fit import sigmoid, softplus

Array = NDArray[np.float64]
Form = Literal["sign", "log-odds"]
"""Form of a verdict: the favoured side (±1), or its log-odds."""

PRIOR_MEAN, PRIOR_VARIANCE = 0.3, 0.04
"""Normal prior of a weight; the positive mean assumes that a judge is better than chance."""
ENOUGH = 100
"""Minimum number of labelled verdicts; a judge with fewer has weight 0."""
SOFTEST = 4.0
"""Maximum absolute log-odds of a verdict, because language models give 0.999 far too often."""
_LEAST_GAIN = 1.0  # nats over all labels
_STEPS, _CLOSE = 100, 1e-10


def judge_weight(logit: Array, verdict: Array, mean: float = PRIOR_MEAN) -> float:
    """The weight b of one judge: argmin Σ log(1 + e^−(ℓ + b·v)) + (b − 0.3)² / (2 · 0.04).

    Args:
        logit: log-odds ℓ of the chosen response, without the judge (n,).
        verdict: the judge's verdict v (n,), positive if it favours the chosen response; a row with NaN is unscored and
            does not count.
        mean: mean of the prior instead of 0.3.

    Returns:
        The mode of the posterior; ``mean`` without labels. A judge that is mostly wrong gets a negative weight, so its
        verdicts count for the other response.
    """
    logit, verdict = _scored(logit, verdict)
    reach = PRIOR_VARIANCE * float(np.abs(verdict).sum())
    low, high = mean - reach, mean + reach
    weight = mean
    for _ in range(_STEPS):  # Newton's method, kept within a bracket that contains the minimum
        p = sigmoid(-(logit + weight * verdict))
        slope = (weight - mean) / PRIOR_VARIANCE - float(verdict @ p)
        low, high = (weight, high) if slope < 0 else (low, weight)
        curvature = 1.0 / PRIOR_VARIANCE + float((verdict * verdict) @ (p * (1.0 - p)))
        step = weight - slope / curvature
        if abs(step - weight) < _CLOSE:
            return step
        weight = step if low < step < high else (low + high) / 2.0
    return weight


@dataclass(frozen=True, slots=True)
class JudgeWeight:
    """The weight of a judge's verdicts.

    Attributes:
        weight: factor of its verdicts; 0 if it is not used.
        posterior: `judge_weight` before shrinkage.
        gain: reduction of the log loss by the posterior weight, in nats over all labels.
        labels: number of labelled verdicts.
        beyond_length: its gain after the length of the responses has been used, in nats; None where it is not needed.
    """

    weight: float
    posterior: float
    gain: float
    labels: int
    beyond_length: float | None = None

    @property
    def why_unused(self) -> str | None:
        """Why the weight is 0; None for a judge that is used."""
        if self.weight != 0.0:
            return None
        if self.labels < ENOUGH:
            return f"below {ENOUGH} labels"
        if self.gain <= _LEAST_GAIN:
            return f"it gains {max(self.gain, 0.0):.1f} nats, at least {_LEAST_GAIN:g} is needed"
        return "it gains hardly more than the length of the responses"


def earned_weight(logit: Array, verdict: Array, longer: Array | None = None) -> JudgeWeight:
    """`judge_weight` times 1 − 1/G, where G is its gain in nats, or 0.

    The weight is 0 if the gain is at most one nat, there are fewer than `ENOUGH` labels, or the gain beyond that of the
    responses' length is at most one nat.

    Args:
        logit, verdict: as in `judge_weight`.
        longer: +1 if the longer response was chosen, −1 if the shorter one was (n,); None skips the length test.

    One fitted parameter is expected to gain half a nat on its own labels by chance (and to lose as much on others). The
    prior's 0.3 alone is too high at 100 labels: on PRISM a judge that answers at random then costs 1.1 points of
    accuracy, with this rule 0.03; a judge with a gain of 15 nats keeps 93 % of its weight. "Always longer" gains 3 nats
    on PRISM's 1,600 labels, which traits do not capture, and still costs 0.56 points. Some useful judges gain less, so
    a threshold on the gain alone cannot separate them; hence the length test.
    """
    said = longer if longer is None else _scored(logit, verdict, longer)[2]
    logit, verdict = _scored(logit, verdict)
    if not len(logit):
        return JudgeWeight(0.0, PRIOR_MEAN, 0.0, 0)
    posterior = judge_weight(logit, verdict)
    gain = _gain(logit, verdict, posterior)
    if gain <= _LEAST_GAIN or len(logit) < ENOUGH:
        return JudgeWeight(0.0, posterior, gain, len(logit))
    beyond = None if said is None else _beyond_length(logit, verdict, said)
    earned = beyond is None or beyond > _LEAST_GAIN
    return JudgeWeight((1.0 - 1.0 / gain) * posterior if earned else 0.0, posterior, gain, len(logit), beyond)


def _scored(logit: Array, verdict: Array, *others: Array) -> tuple[Array, ...]:
    """All of them in the rows (n,) where both the log-odds and the verdict are finite."""
    given = np.isfinite(logit) & np.isfinite(verdict)
    return tuple(one[given] for one in (logit, verdict, *others))


def _gain(logit: Array, verdict: Array, weight: float) -> float:
    """Nats over all labels by which a judge of this weight lowers the log loss."""
    return float((softplus(-logit) - softplus(-(logit + weight * verdict))).sum())


def _beyond_length(logit: Array, verdict: Array, longer: Array) -> float:
    """The gain of a judge after the length of the responses has been used."""
    with_length = logit + judge_weight(logit, longer, mean=0.0) * longer
    return _gain(with_length, verdict, judge_weight(with_length, verdict))


def fused_logit(logit: Array, verdicts: Array, weights: Array) -> Array:
    """ℓ + Σ b·v / √n of each pair (m,), with n the effective number of judges that gave a verdict on it.

    Judges agree more than independent ones would, so that their sum must not grow with their number. With equal weights
    this is b·Σv / √n.

    Args:
        logit: log-odds without the judges (m,).
        verdicts: of each judge on each pair (m, k), NaN where there is none; an infinite one counts as none.
        weights: of the judges (k,).
    """
    given = np.isfinite(verdicts)
    present = np.where(given, np.abs(weights), 0.0)
    squares = (present * present).sum(axis=1)
    number = np.where(squares > 0.0, present.sum(axis=1) ** 2 / np.where(squares > 0.0, squares, 1.0), 1.0)
    found: Array = logit + (np.where(given, verdicts, 0.0) @ weights) / np.sqrt(number)
    return found


def as_form(verdict: Array, form: Form) -> Array:
    """Verdicts in log-odds as they count: their signs, or log-odds within ±`SOFTEST`."""
    found: Array = np.sign(verdict) if form == "sign" else np.clip(verdict, -SOFTEST, SOFTEST)
    return found


def log_odds(probability: Array) -> Array:
    """log p/(1 − p), with p kept within [1e-6, 1 − 1e-6]; NaN stays NaN."""
    p = np.clip(probability, 1e-6, 1.0 - 1e-6)
    found: Array = np.log(p) - np.log1p(-p)
    return found
