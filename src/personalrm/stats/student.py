"""Quantiles of Student's t and of the beta distribution, exact to 1e-9, without scipy.

    t_quantile(0.975, 4)             # 2.776445
    beta_quantile(0.025, 3.5, 2.0)   # bound of a binomial share (Clopper–Pearson)

Both invert the regularised incomplete beta function, computed with Lentz's continued fraction (Press et al., Numerical
Recipes, section 6.4; DLMF 8.17.22).
"""

from __future__ import annotations

import math
from collections.abc import Callable

_TERMS, _CLOSE, _TINY = 2_000, 1e-15, 1e-300
_HALVINGS = 200


def t_quantile(share: float, freedom: float) -> float:
    """Quantile of Student's t: P(T ≤ t) = ``share``, in (0, 1), with ``freedom`` > 0 degrees of freedom."""
    if share < 0.5:
        return -t_quantile(1.0 - share, freedom)
    tail = 1.0 - share

    def beyond(t: float) -> float:
        """P(T > t)."""
        return 0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)

    most = 1.0
    while beyond(most) > tail:
        most *= 2.0
    return _where(lambda t: beyond(t) <= tail, 0.0, most)


def beta_quantile(share: float, a: float, b: float) -> float:
    """Quantile of the beta distribution with parameters ``a``, ``b`` ≥ 0; a parameter of 0 puts all mass on one end."""
    if a <= 0.0 or b <= 0.0:
        return 0.0 if a <= 0.0 else 1.0
    return _where(lambda x: incomplete_beta(x, a, b) >= share, 0.0, 1.0)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b), for x in [0, 1] and a, b > 0."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):  # the fraction converges fast below the mean
        return 1.0 - incomplete_beta(1.0 - x, b, a)
    logs = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(logs) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's continued fraction of the incomplete beta function."""
    above, below = 1.0, 1.0 / _kept(1.0 - (a + b) * x / (a + 1.0))
    found = below
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            below, above = 1.0 / _kept(1.0 + term * below), _kept(1.0 + term / above)
            found *= below * above
        if abs(below * above - 1.0) < _CLOSE:
            break
    return found


def _kept(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def _where(reached: Callable[[float], bool], low: float, high: float) -> float:
    """The smallest number between the two for which a monotone condition holds, by bisection."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (low, middle) if reached(middle) else (middle, high)
    return 0.5 * (low + high)
