"""Bradley–Terry model: strengths of n items from pairwise comparisons.

P(i over j) = 1 / (1 + exp(θ_j − θ_i)). The comparisons may be soft (a judge's probability instead of a win). Newton's
method on the penalised log-likelihood; the penalty (a normal prior of standard deviation 3 on each θ) keeps an item
that won every comparison finite and picks the solution with mean zero.

    strengths(3, [(0, 1, 0.9), (1, 2, 0.8)])        # three log-odds, best first here
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

PRIOR_SD = 3.0
STEPS = 50
ALL_PAIRS_UP_TO = 8
Comparison = tuple[int, int, float]


def strengths(items: int, comparisons: Sequence[Comparison]) -> npt.NDArray[np.float64]:
    """Bradley–Terry strengths by penalised maximum likelihood.

    Parameters
    ----------
    items : int
        Number of items, numbered from 0.
    comparisons : sequence of (int, int, float)
        One (i, j, probability in [0, 1] that i beats j) for each comparison made; one with NaN is unscored and does
        not count.

    Returns
    -------
    ndarray of float, shape (items,)
        Log-odds, mean zero; all zero without comparisons.

    References
    ----------
    R. A. Bradley and M. E. Terry, "Rank analysis of incomplete block designs", Biometrika 39 (1952), 324–345.
    """
    theta = np.zeros(items)
    scored = [one for one in comparisons if not math.isnan(one[2])]
    if not scored:
        return theta
    first = np.array([i for i, _, _ in scored])
    second = np.array([j for _, j, _ in scored])
    won = np.array([p for _, _, p in scored])
    penalty = 1.0 / PRIOR_SD**2
    for _ in range(STEPS):
        expected = 1.0 / (1.0 + np.exp(theta[second] - theta[first]))
        gradient = -penalty * theta
        np.add.at(gradient, first, won - expected)
        np.add.at(gradient, second, expected - won)
        weight = expected * (1.0 - expected)
        hessian = penalty * np.eye(items)
        np.add.at(hessian, (first, first), weight)
        np.add.at(hessian, (second, second), weight)
        np.add.at(hessian, (first, second), -weight)
        np.add.at(hessian, (second, first), -weight)
        step = np.linalg.solve(hessian, gradient)
        theta += step
        if np.abs(step).max() < 1e-9:
            break
    centred: npt.NDArray[np.float64] = theta - theta.mean()
    return centred


def pairs_to_compare(items: int, seed: int = 0) -> list[tuple[int, int]]:
    """Pairs to compare: all pairs of up to 8 items, else about n·log2(n) pairs that connect all items.

    Each round pairs neighbours on a random circle, so the comparison graph is connected and every item is compared
    about equally often (a pair drawn twice is compared once).

    Parameters
    ----------
    items : int
        Number of items, numbered from 0.
    seed : int
        Random seed.

    Returns
    -------
    list of (int, int)
        Pairs (i, j) with i < j, sorted.
    """
    if items <= ALL_PAIRS_UP_TO:
        return list(itertools.combinations(range(items), 2))
    draw = random.Random(seed)
    chosen: set[tuple[int, int]] = set()
    for _ in range(max(3, items.bit_length())):
        circle = list(range(items))
        draw.shuffle(circle)
        neighbours = zip(circle, [*circle[1:], circle[0]], strict=True)
        chosen |= {(min(i, j), max(i, j)) for i, j in neighbours}
    return sorted(chosen)
