"""Variances and covariances of people's weights, from the choices of many people (empirical Bayes).

    variances = weight_variances(people, start, trust=40.0)           # (p,)
    covariance = weight_covariance(people, start, trust=20.0)         # (p, p)
    axes_of(covariance)                                               # axes of largest variance

A dozen choices of one person are hardly informative about any single weight, so each estimate is shrunk towards a
common one that counts as ``trust`` people. Expectation–maximisation with the Laplace approximation of each person's
posterior; with a prior in the inverse-Wishart family the maximisation step is an average.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from personalrm.models.traits.fit import Array
from personalrm.models.traits.posterior import Person, posteriors, root_of

MOST_FULL = 64
"""Above this many weights the covariance is low-rank plus diagonal."""
RANK = 16
VARIANCE_ROUNDS, COVARIANCE_ROUNDS = 12, 20


class _Rows(NamedTuple):
    """Choices of people as arrays, padded with empty choices: offset (P, n), t (P, n, p)."""

    offset: Array
    t: Array

    @classmethod
    def of(cls, people: Sequence[Person]) -> _Rows:
        most = max(len(one.offset) for one in people)
        offset, t = np.zeros((len(people), most)), np.zeros((len(people), most, people[0].t.shape[1]))
        for at, one in enumerate(people):
            offset[at, : len(one.offset)], t[at, : len(one.offset)] = one.offset, one.t
        return cls(offset, t)


def weight_variances(people: Sequence[Person], start: Array, *, trust: float, rounds: int = VARIANCE_ROUNDS) -> Array:
    """Variance of each weight between people (p,), shrunk towards ``start`` (p,) as by ``trust`` additional people."""
    rows, variances, mean = _Rows.of(people), start.copy(), None
    for _ in range(rounds):
        mean, spread = posteriors(rows.offset, rows.t * np.sqrt(variances), mean)
        squares = variances * (mean * mean + np.diagonal(spread, axis1=1, axis2=2))
        variances = (trust * start + squares.sum(axis=0)) / (trust + len(people))
    return variances


def weight_covariance(
    people: Sequence[Person], start: Array, *, trust: float, rounds: int = COVARIANCE_ROUNDS
) -> Array:
    """Covariance of the weights among people (p, p).

    Σ ← (trust S₀ + Σᵤ (vᵤvᵤᵀ + Cᵤ)) / (trust + people), with S₀ = median(start) I and vᵤ, Cᵤ person u's posterior
    under Σ. Above `MOST_FULL` weights Σ is kept low-rank plus diagonal, which needs far fewer people.

    Args:
        people: their choices, on top of the population's log-odds.
        start: variance of each weight (p,).
        trust: how many people the common variance counts for.
        rounds: of expectation–maximisation.
    """
    rows, width = _Rows.of(people), len(start)
    common = float(np.median(start)) * np.eye(width)
    covariance, z = common, None
    for _ in range(rounds):
        root = root_of(covariance)
        z, spread = posteriors(rows.offset, rows.t @ root, z)
        inner = z.T @ z + spread.sum(axis=0)
        covariance = (trust * common + root @ inner @ root.T) / (trust + len(people))
        if width > MOST_FULL:
            covariance = low_rank_plus_diagonal(covariance, RANK)
    return 0.5 * (covariance + covariance.T)


def low_rank_plus_diagonal(covariance: Array, rank: int) -> Array:
    """The nearest U Uᵀ + diag(d) with U (p, rank): principal factors, the diagonal kept exactly (p, p)."""
    diagonal = np.diag(covariance)
    unique = 0.5 * diagonal
    for _ in range(10):
        values, vectors = np.linalg.eigh(covariance - np.diag(unique))
        factor = vectors[:, -rank:] * np.sqrt(np.maximum(values[-rank:], 0.0))
        unique = np.clip(diagonal - (factor * factor).sum(axis=1), 0.02 * diagonal, diagonal)
    shared: Array = factor @ factor.T
    scale = np.sqrt((diagonal - unique) / np.maximum(np.diag(shared), 1e-300))
    return np.asarray(shared * np.outer(scale, scale) + np.diag(unique), dtype=float)


class Axis(NamedTuple):
    """One way in which people differ.

    Attributes:
        share: of all variance among people.
        loadings: correlation of each weight with it (p,).
        direction: unit vector in weights (p,).
    """

    share: float
    loadings: Array
    direction: Array


def axes_of(covariance: Array) -> list[Axis]:
    """The principal axes of a covariance (p, p), those of most variance first; the largest loading is positive."""
    values, vectors = np.linalg.eigh(covariance)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    found = []
    for value, direction in zip(values[::-1], vectors.T[::-1], strict=True):
        loadings = direction * np.sqrt(max(float(value), 0.0)) / deviation
        sign = 1.0 if loadings[np.abs(loadings).argmax()] >= 0 else -1.0
        found.append(Axis(float(value / values.sum()), sign * loadings, sign * direction))
    return found
