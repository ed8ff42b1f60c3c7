"""How people's weights differ, from the choices of many of them.

between = between_people(offset, t, people, start, trust=40.0)      # variance of each weight (p,)
"""

from __future__ import annotations

import numpy as np

from personalrm.models.traits.fit import Array
from personalrm.models.traits.posterior import Groups, posteriors


def between_people(offset: Array, t: Array, people: Groups, start: Array, *, trust: float, rounds: int = 12) -> Array:
    """Variance of each trait's weight among people (p,), by expectation–maximisation.

    ``trust`` is how many people the common ``start`` (p,) counts for: a dozen choices of a person say little of any
    single trait, so each variance is drawn towards the common one.
    """
    most = max(len(mine) for mine in people)
    offsets, rows = np.zeros((len(people), most)), np.zeros((len(people), most, t.shape[1]))
    for at, mine in enumerate(people):
        offsets[at, : len(mine)], rows[at, : len(mine)] = offset[mine], t[mine]
    between = start.copy()
    for _ in range(rounds):
        root = np.sqrt(between)
        mean, spread = posteriors(offsets, rows * root)
        squares = between * (mean * mean + np.diagonal(spread, axis1=1, axis2=2))
        between = (trust * start + squares.sum(axis=0)) / (trust + len(people))
    return between
