"""One person's weights given their choices: the posterior, and what it predicts of choices it has not seen.

Person u prefers a to b with probability sigmoid(offset + t·v), v ~ N(0, S). Every row is "chosen minus rejected", so
every label is 1. ``covariance`` is S, either variances (p,) or a matrix (p, p).

    mean, spread = person_posterior(offset, t, covariance)        # Laplace approximation of v: (p,), (p, p)
    logit, variance = leave_out(offset, t, covariance, groups)    # of each choice, from the other groups (n,), (n,)
    saved = worth(offset, t, covariance, groups)                  # what each choice teaches about the others (n,)

All problems are solved in z ~ N(0, I) with v = L z, S = L Lᵀ, by Newton's method over min(n, p) unknowns: time and
memory grow linearly with the number of choices. 20,000 choices take 0.5 s, 1,000 take 40 ms.

A group is left out by refitting from the full fit. Above `MOST_REFITS` groups only those that hold more than 1 in
`MOST_REFITS` choices are refitted; the others are left out by one Newton step from the full fit, with the exact
Hessian of the remaining choices (approximate leave-one-out, Rad & Maleki 2020, arXiv 1801.10243). Against refitting
the log-odds differ by less than 1e-3, on average by 1e-5 (300 to 2,000 choices, `tests/models/traits`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits.fit import Array, sigmoid, softplus

Rows = NDArray[np.intp]
Groups = Sequence[Rows]

MOST_REFITS = 256
"""Above so many groups, small ones are left out by one step instead of a refit."""
_MOST_TARGETS, _MOST_OF_A_GROUP = 256, 64  # choices on which `worth` is measured; above that an even sample
_NEWTON, _CLOSE = 30, 1e-7  # steps at most, and the change of z at which it stops; the error is then below 1e-12
_CELLS = 1_000_000  # numbers of one batch of problems: 8 MB, in the processor's cache for most people


class Person(NamedTuple):
    """One person: log-odds by the population's weights (n,), trait differences (n, p), groups predicted at once."""

    offset: Array
    t: Array
    groups: Groups


class _Problem(NamedTuple):
    """Log-odds (n,), whitened features (n, r), where Newton starts (r,) and the rows that are left out."""

    offset: Array
    x: Array
    start: Array | None
    without: Rows


def person_posterior(offset: Array, t: Array, covariance: Array) -> tuple[Array, Array]:
    """Mean (p,) and covariance (p, p) of one person's weights beside the population's.

    Args:
        offset: log-odds of each choice by the population's weights (n,).
        t: trait differences, chosen minus rejected (n, p).
        covariance: of the weights among people, variances (p,) or a matrix (p, p), positive definite.
    """
    root = root_of(covariance)
    mean, spread = posteriors(offset[None], (t @ root)[None])
    return root @ mean[0], root @ spread[0] @ root.T


def root_of(covariance: Array) -> Array:
    """L (p, p), lower triangular, with L Lᵀ the covariance given as variances (p,) or as a matrix (p, p)."""
    if covariance.ndim == 1:
        return np.diag(np.sqrt(covariance))
    return np.asarray(np.linalg.cholesky(covariance), dtype=float)


def variances_of(t: Array, covariance: Array) -> Array:
    """t S tᵀ of each row (n,)."""
    if covariance.ndim == 1:
        return np.asarray((t * t) @ covariance, dtype=float)
    return np.asarray(((t @ covariance) * t).sum(axis=1), dtype=float)


def posteriors(offset: Array, x: Array, start: Array | None = None) -> tuple[Array, Array]:
    """Mode (B, r) and inverse Hessian there (B, r, r) of B problems with weights z ~ N(0, I).

    Newton's method; a step that would raise the loss is halved.

    Args:
        offset: (B, n) log-odds.
        x: (B, n, r) features; a row of zeros is no choice.
        start: (B, r), zero if None.
    """
    z = np.zeros((x.shape[0], x.shape[2])) if start is None else start.copy()
    f = offset + _times(x, z)
    value, active = _loss(f, z), np.arange(len(z))
    hessian = np.zeros((len(z), z.shape[1], z.shape[1]))
    for _ in range(_NEWTON):
        o, rows, now = (one if len(active) == len(z) else one[active] for one in (offset, x, z))
        p = sigmoid(-f[active])
        turned = np.swapaxes(rows, 1, 2)
        bent = (turned * (p * (1.0 - p))[:, None, :]) @ rows
        bent[:, np.arange(z.shape[1]), np.arange(z.shape[1])] += 1.0
        step = np.asarray(np.linalg.solve(bent, (_times(turned, p) - now)[..., None])[..., 0], dtype=float)
        trial, ahead = now + step, o + _times(rows, now + step)
        reached, size = _loss(ahead, trial), np.ones(len(active))
        while (over := (reached > value[active] + 1e-12) & (size > 1e-3)).any():
            size[over] /= 2.0
            trial[over] = now[over] + size[over, None] * step[over]
            ahead[over] = o[over] + _times(rows[over], trial[over])
            reached[over] = _loss(ahead[over], trial[over])
        z[active], f[active], value[active], hessian[active] = trial, ahead, reached, bent
        active = active[np.abs(step).max(axis=1, initial=0.0) >= _CLOSE]
        if not len(active):
            break
    return z, np.asarray(np.linalg.inv(hessian), dtype=float)


def _times(matrices: Array, vectors: Array) -> Array:
    """Matrix times vector, for many of both: (B, n, r) and (B, r) give (B, n)."""
    product: Array = (matrices @ vectors[..., None])[..., 0]
    return product


def _loss(f: Array, z: Array) -> Array:
    """Penalised losses (B,): -log p of all choices + |z|²/2."""
    return np.asarray(softplus(-f).sum(axis=1) + 0.5 * (z * z).sum(axis=1), dtype=float)


def leave_out(offset: Array, t: Array, covariance: Array, held_out: Groups) -> tuple[Array, Array]:
    """Logit and variance (n,) of each choice, predicted from the choices outside its own group."""
    return leave_out_all([Person(offset, t, held_out)], covariance)[0]


def leave_out_all(people: Sequence[Person], covariance: Array) -> list[tuple[Array, Array]]:
    """`leave_out` of many people, solved together: one by one, calling the solver takes longer than solving."""
    root = root_of(covariance)
    features = [_narrow(one.t @ root) for one in people]
    found = [(one.offset.copy(), (x * x).sum(axis=1)) for one, x in zip(people, features, strict=True)]
    shared = [at for at, one in enumerate(people) if _several(one)]
    whole = _solve([_Problem(people[at].offset, features[at], None, _NOTHING) for at in shared])
    places, problems = [], []
    for at, (mode, spread) in zip(shared, whole, strict=True):
        one, x = people[at], features[at]
        for inside in one.groups:
            if len(one.groups) > MOST_REFITS and len(inside) * MOST_REFITS <= len(one.offset):
                _one_step(one.offset, x, mode, spread, inside, found[at])
            else:
                places.append((at, inside))
                problems.append(_Problem(one.offset, x, mode, inside))
    for (at, inside), (mode, spread) in zip(places, _solve(problems), strict=True):
        logit, variance = found[at]
        rows = features[at][inside]
        logit[inside] += rows @ mode
        variance[inside] = ((rows @ spread) * rows).sum(axis=1)
    return found


_NOTHING: Rows = np.zeros(0, dtype=np.intp)


def _several(person: Person) -> bool:
    """Whether anything is left once a group is held out."""
    return len(person.groups) > 1 or sum(map(len, person.groups)) < len(person.offset)


def _one_step(offset: Array, x: Array, mode: Array, spread: Array, inside: Rows, found: tuple[Array, Array]) -> None:
    """Leave a small group out by one Newton step from the full fit.

    With K = X_g C X_gᵀ and W the curvatures of the group's rows, removing them turns X_g C X_gᵀ into
    (K⁻¹ - W)⁻¹ = K (I - W K)⁻¹, and the step takes that times (1 - p) from their logits.
    """
    rows = x[inside]
    f = offset[inside] + rows @ mode
    p = sigmoid(-f)
    kernel = rows @ spread @ rows.T
    left = np.linalg.solve(np.eye(len(inside)) - kernel * (p * (1.0 - p)), kernel)
    logit, variance = found
    logit[inside] = f - left @ p
    variance[inside] = np.maximum(np.diag(left), 0.0)


def _narrow(x: Array) -> Array:
    """The same problem in fewer unknowns where there are fewer rows than columns: X = RᵀQᵀ, z' = Qᵀz."""
    n, p = x.shape
    return x if n >= p else np.asarray(np.linalg.qr(x.T)[1].T, dtype=np.float64)


def _solve(problems: Sequence[_Problem]) -> Iterator[tuple[Array, Array]]:
    """Mode (r,) and inverse Hessian (r, r) of each problem, in batches of bounded size."""
    batch: list[_Problem] = []
    n = r = 0
    for one in problems:
        rows, columns = max(n, one.x.shape[0]), max(r, one.x.shape[1])
        if batch and (len(batch) + 1) * rows * columns > _CELLS:
            yield from _solve_batch(batch, n, r)
            batch, (rows, columns) = [], one.x.shape
        batch.append(one)
        n, r = rows, columns
    if batch:
        yield from _solve_batch(batch, n, r)


def _solve_batch(batch: Sequence[_Problem], n: int, r: int) -> Iterator[tuple[Array, Array]]:
    offset, x, start = np.zeros((len(batch), n)), np.zeros((len(batch), n, r)), np.zeros((len(batch), r))
    for at, one in enumerate(batch):
        rows, columns = one.x.shape
        offset[at, :rows], x[at, :rows, :columns] = one.offset, one.x
        x[at, one.without] = 0.0
        if one.start is not None:
            start[at, :columns] = one.start
    mode, spread = posteriors(offset, x, start)
    for at, one in enumerate(batch):
        columns = one.x.shape[1]
        yield mode[at, :columns], spread[at, :columns, :columns]


def worth(offset: Array, t: Array, covariance: Array, held_out: Groups) -> Array:
    """How much log loss each choice saves the choices of other groups, nats a choice (n,).

    Each group is predicted from all others with and without each single choice; leaving one out is done in closed
    form at the fitted curvature (the leave-one-out formula of Gaussian processes), not by refitting. Of more than
    256 choices an even sample of the groups is predicted.
    """
    x = _narrow(t @ root_of(covariance))
    saved, times = np.zeros(len(offset)), np.zeros(len(offset))
    if not _several(Person(offset, t, held_out)):
        return saved
    (start, _), *_ = _solve([_Problem(offset, x, None, _NOTHING)])
    sample = _sample(held_out)
    solved = _solve([_Problem(offset, x, start, whole) for whole, _ in sample])
    for (whole, inside), (mode, spread) in zip(sample, solved, strict=True):
        across = x[inside] @ spread @ x.T
        f = offset + x @ mode
        p = sigmoid(-f)
        leverage = p * (1.0 - p) * ((x @ spread) * x).sum(axis=1)
        gain = softplus(across * (p / (1.0 - leverage)) - f[inside, None]) - softplus(-f[inside])[:, None]
        gain[:, whole] = 0.0
        saved += gain.sum(axis=0)
        times += len(inside)
        times[whole] -= len(inside)
    return saved / np.maximum(times, 1.0)


def _sample(groups: Groups) -> list[tuple[Rows, Rows]]:
    """Groups and which of their choices are predicted: all, or an even sample of some 256."""
    total = sum(map(len, groups))
    if total <= _MOST_TARGETS:
        return [(one, one) for one in groups]
    count = max(2, min(MOST_REFITS, len(groups), len(groups) * _MOST_TARGETS // total))
    each = min(_MOST_OF_A_GROUP, max(1, _MOST_TARGETS // count))
    chosen = [groups[at] for at in np.linspace(0, len(groups) - 1, count).astype(int)]
    return [(one, one[np.linspace(0, len(one) - 1, min(len(one), each)).astype(int)]) for one in chosen]
