"""Statistical power of the paired test: minimum detectable difference and required number of people.

detectable(correct_ours - correct_theirs, users)      # 0.031: true gains below 3.1 points are unlikely to be found
"""

from __future__ import annotations

import math

import numpy as np

from personalrm.stats.intervals import MIN_PEOPLE, Codes, Floats, by_person, is_dominated, standard_error
from personalrm.stats.student import t_quantile

LEVEL, POWER = 0.05, 0.80


def detectable(apart: Floats, people: Codes) -> float | None:
    """Minimum detectable difference: the true difference in accuracy that the paired test finds with a power of 80 %.

    The user-clustered standard error of the difference times the sum of the t quantiles of the two-sided 5 % level and
    of the power (Bloom 1995, "Minimum detectable effects").

    Args:
        apart: correctness of one method minus that of the other, shape (pairs,); NaN where either is unscored.
        people: integer code of each pair's person.

    Returns:
        The difference as a fraction; None with fewer than five people, if one person has more than
        `intervals.MOST_OF_ONE` of the pairs, or if the two methods never differ.
    """
    sums, counts = by_person(apart, people)
    if len(sums) < MIN_PEOPLE or is_dominated(counts) or not np.nan_to_num(apart).any():
        return None
    freedom = len(sums) - 1
    return _reach(freedom, 1) * standard_error(sums, counts)


def participants_needed(effect: float, comparisons: int = 1) -> int:
    """Number of people that a paired test needs for a power of 80 %.

    Args:
        effect: mean difference divided by its standard deviation between people (Cohen's d_z), above 0.
        comparisons: number of tests in Holm's correction; the level is 5 % / comparisons, two-sided.
    """

    def enough(people: int) -> bool:
        return _reach(people - 1, comparisons) <= effect * math.sqrt(people)

    low, high = MIN_PEOPLE - 1, MIN_PEOPLE
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def detectable_effect(people: int, comparisons: int = 1) -> float | None:
    """The effect size (Cohen's d_z) detected with a power of 80 % for this many people; None with fewer than five."""
    return None if people < MIN_PEOPLE else _reach(people - 1, comparisons) / math.sqrt(people)


def _reach(freedom: int, comparisons: int) -> float:
    """The detectable difference in units of its standard error."""
    return t_quantile(1.0 - LEVEL / (2 * comparisons), freedom) + t_quantile(POWER, freedom)
