"""What a comparison could have found: the least true difference that so many people and pairs would show.

detectable(correct_ours - correct_theirs, users)      # 0.031: smaller gains than 3.1 points stay hidden
"""

from __future__ import annotations

import math

import numpy as np

from personalrm.stats.intervals import MIN_PEOPLE, Codes, Floats, by_person, standard_error, t_quantile

LEVEL, POWER = 0.05, 0.80


def detectable(apart: Floats, people: Codes) -> float | None:
    """The true difference of two methods' accuracies that the paired test would find in 80 of 100 such samples.

    From the standard error of the difference clustered by person, with the t quantiles of the two-sided test at 5 %
    and of the power (Bloom 1995's minimum detectable effect).

    Args:
        apart: correctness of one method minus that of the other, shape (pairs,); NaN where either is unscored.
        people: integer code of the person behind each pair.

    Returns:
        The difference as a fraction; None with fewer than five people, or where the two methods never differ.
    """
    sums, counts = by_person(apart, people)
    if len(sums) < MIN_PEOPLE or not np.nan_to_num(apart).any():
        return None
    freedom = len(sums) - 1
    return _reach(freedom, 1) * standard_error(sums, counts)


def participants_needed(effect: float, comparisons: int = 1) -> int:
    """People that a paired test needs to find a standardised difference in 80 of 100 samples.

    Args:
        effect: mean difference over its standard deviation between people (Cohen's d_z), above 0.
        comparisons: tests that Holm's correction is made over; the first one is made at 5 % / comparisons, two-sided.
    """
    people = MIN_PEOPLE
    while _reach(people - 1, comparisons) > effect * math.sqrt(people):
        people += 1
    return people


def detectable_effect(people: int, comparisons: int = 1) -> float | None:
    """The standardised difference that so many people show in 80 of 100 samples; None with fewer than five."""
    return None if people < MIN_PEOPLE else _reach(people - 1, comparisons) / math.sqrt(people)


def _reach(freedom: int, comparisons: int) -> float:
    """Standard errors between zero and a difference that is found with the wanted power."""
    return t_quantile(1.0 - LEVEL / (2 * comparisons), freedom) + t_quantile(POWER, freedom)
