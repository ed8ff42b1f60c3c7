"""What a comparison could have found: the least true difference that so many people and pairs would show.

detectable(correct_ours - correct_theirs, users)      # 0.031: smaller gains than 3.1 points stay hidden
"""

from __future__ import annotations

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
    reach = t_quantile(1.0 - LEVEL / 2, freedom) + t_quantile(POWER, freedom)
    return reach * standard_error(sums, counts)
