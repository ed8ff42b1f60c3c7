"""The mathematics of the hierarchical Bradley–Terry model, as plain functions over arrays.

Person u prefers a to b with probability sigmoid(x·w + t·v_u), where x and t are differences of traits, w is shared
by everybody and v_u ~ N(0, diag(between)) is how u departs from everybody. Every row of ``x`` and ``t`` is "chosen
minus rejected", so that every label is 1.

    weights = shared_weights(x, shrink=1.0)                      # penalised maximum likelihood of w
    mean, covariance = person_posterior(x @ weights, t, between) # Laplace approximation of v_u
    probability = integrated(logit, variance)                    # sigmoid averaged over the posterior
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Groups = Sequence[NDArray[np.intp]]

_STEPS, _CLOSE = 60, 1e-4  # weights are of order 1; 15-40 steps on all our data
_NEWTON, _HALVINGS = 25, 10
SHRINKS = (0.15, 0.4, 1.0, 2.5)
SHARPNESS = (0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)
"""By how much predictions for unseen people may be too cautious."""


def sigmoid(logit: Array) -> Array:
    """1 / (1 + exp(-logit)) without overflow; ``sigmoid(-x) == 1 - sigmoid(x)`` to the last bit."""
    upper: Array = 0.5 + 0.5 * np.tanh(0.5 * np.abs(logit))
    return np.where(logit >= 0, upper, 1.0 - upper)


def log_loss(logit: Array) -> float:
    """Mean negative log probability of the choices that were made, nats a choice."""
    return float(np.mean(np.logaddexp(0.0, -logit)))


def integrated(logit: Array, variance: Array) -> Array:
    """Logit whose sigmoid is the mean of sigmoid(N(logit, variance)) (MacKay's approximation)."""
    moderated: Array = logit / np.sqrt(1.0 + np.pi / 8.0 * np.maximum(variance, 0.0))
    return moderated


def shared_weights(
    x: NDArray[np.float32], *, shrink: float, gram: NDArray[np.float32] | None = None, start: Array | None = None
) -> Array:
    """Weights (d,) that minimise the log loss of all rows + shrink/2 |w|², every label 1.

    Newton steps with Böhning's bound in place of the Hessian and Nesterov's momentum: one inverse serves all steps,
    and ``gram`` (xᵀx) may be summed up from folds, which makes choosing ``shrink`` cheap. With fewer rows than
    columns the steps are taken in the space of the rows, which gives the same weights.
    """
    n, d = x.shape
    weights = np.zeros(d) if start is None else start
    wide = n < d
    if wide:
        inverse = np.linalg.inv((x @ x.T).astype(float) / 4.0 + shrink * np.eye(n))
    else:  # single precision: it only says which way to step, the gradient where to stop
        inverse = np.linalg.inv((x.T @ x if gram is None else gram) / 4.0 + shrink * np.eye(d, dtype=np.float32))
    previous, momentum = weights, 1.0
    for _ in range(_STEPS):
        faster = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum * momentum))
        ahead = weights + (momentum - 1.0) / faster * (weights - previous)
        p = sigmoid(-(x @ ahead.astype(np.float32)).astype(float))
        gradient = (p.astype(np.float32) @ x).astype(float) - shrink * ahead
        if wide:  # (XᵀX/4 + s)⁻¹ g = (g - Xᵀ (XXᵀ/4 + s)⁻¹ X g / 4) / s
            inner = inverse @ (x @ gradient.astype(np.float32))
            step = (gradient - (inner.astype(np.float32) @ x) / 4.0) / shrink
        else:
            step = (inverse @ gradient.astype(np.float32)).astype(float)
        previous, weights, momentum = weights, ahead + step, faster
        if np.abs(step).max(initial=0.0) < _CLOSE:
            break
    return weights


@dataclass(frozen=True, slots=True)
class CrossFit:
    """Everybody's weights, learned without each fold in turn.

    Attributes:
        shrink: the amount of shrinkage that predicts unseen people best.
        weights: (folds, d), each learned from the other folds with that shrinkage.
        outside: log-odds of every choice (n,) by the weights of its own fold.
    """

    shrink: float
    weights: Array
    outside: Array


def cross_fitted(x: NDArray[np.float32], fold: NDArray[np.intp]) -> CrossFit:
    """Weights for people they have not seen, from chosen minus rejected (n, d) and the fold of each choice (n,)."""
    folds = range(int(fold.max()) + 1)
    if len(folds) < 2:
        return CrossFit(SHRINKS[2], np.zeros((1, x.shape[1])), np.zeros(len(x)))
    grams = [x[fold == one].T @ x[fold == one] for one in folds] if len(x) > x.shape[1] else None
    whole = None if grams is None else np.sum(grams, axis=0)
    weights = np.zeros((len(SHRINKS), len(folds), x.shape[1]))
    outside = np.zeros((len(SHRINKS), len(x)))
    for one in folds:
        away, gram = fold != one, None if grams is None or whole is None else whole - grams[one]
        start = None
        for at in reversed(range(len(SHRINKS))):
            start = shared_weights(x[away], shrink=SHRINKS[at], gram=gram, start=start)
            weights[at, one], outside[at, ~away] = start, x[~away] @ start
    best = min(range(len(SHRINKS)), key=lambda at: min(log_loss(sharp * outside[at]) for sharp in SHARPNESS))
    return CrossFit(SHRINKS[best], weights[best], outside[best])


class Person(NamedTuple):
    """One person: log-odds by everybody's weights (n,), trait differences (n, p), groups predicted at once."""

    offset: Array
    t: Array
    groups: Groups


def person_posterior(offset: Array, t: Array, between: Array) -> tuple[Array, Array]:
    """Mean (p,) and covariance (p, p) of one person's departure v from everybody, by Newton's method and Laplace.

    Args:
        offset: what everybody's weights say of each choice, log-odds (n,).
        t: trait differences, chosen minus rejected (n, p).
        between: variance of each departure among people (p,), all positive.
    """
    mean, covariance = _posteriors(offset[None], t[None], between)
    return mean[0], covariance[0]


def _posteriors(offset: Array, t: Array, between: Array) -> tuple[Array, Array]:
    """`person_posterior` of many people at once: offset (P, n), t (P, n, p); a row of zeros in t is no choice."""
    precision = 1.0 / between
    v = np.zeros((len(offset), len(between)))
    hessian = np.zeros((len(offset), len(between), len(between)))
    value = _penalised(offset, t, v, precision)
    active = np.arange(len(offset))
    for _ in range(_NEWTON):
        o, rows, now = offset[active], t[active], v[active]
        p = sigmoid(-(o + _times(rows, now)))
        bent = np.swapaxes(rows * (p * (1.0 - p))[..., None], 1, 2) @ rows + np.diag(precision)
        gradient = _times(np.swapaxes(rows, 1, 2), p) - precision * now
        step = _solved(bent, gradient)
        size = np.ones(len(active))
        trial = _penalised(o, rows, now + step, precision)
        # far-off choices: Newton may overshoot, half a step not for long
        while (over := (trial > value[active] + 1e-12) & (size > 1e-3)).any():
            size[over] /= 2.0
            trial[over] = _penalised(o[over], rows[over], (now + size[:, None] * step)[over], precision)
        v[active], value[active], hessian[active] = now + size[:, None] * step, trial, bent
        active = active[np.abs(step).max(axis=1, initial=0.0) >= 1e-8]
        if not len(active):
            break
    return v, np.asarray(np.linalg.inv(hessian), dtype=float)


def _times(matrices: Array, vectors: Array) -> Array:
    """Matrix times vector, for many of both: (P, n, p) and (P, p) give (P, n)."""
    product: Array = (matrices @ vectors[..., None])[..., 0]
    return product


def _solved(systems: Array, right: Array) -> Array:
    """Solve many systems (B, n, n) for one right-hand side each (B, n)."""
    return np.asarray(np.linalg.solve(systems, right[..., None])[..., 0], dtype=float)


def _penalised(offset: Array, t: Array, v: Array, precision: Array) -> Array:
    return np.asarray(
        np.logaddexp(0.0, -(offset + _times(t, v))).sum(axis=1) + 0.5 * (precision * v * v).sum(axis=1), dtype=float
    )


def leave_out(offset: Array, t: Array, between: Array, held_out: Groups) -> tuple[Array, Array]:
    """Logit and variance (n,) of each choice, predicted from the choices outside its own group."""
    return leave_out_all([Person(offset, t, held_out)], between)[0]


def leave_out_all(people: Sequence[Person], between: Array) -> list[tuple[Array, Array]]:
    """`leave_out` of many people.

    Works in the dual (as many unknowns as choices), which is quick for the dozen choices that people have, and solves
    the problems of everybody together: one by one, calling the solver took five times as long as solving.
    """
    kernels = [(one.t * between) @ one.t.T for one in people]
    found = [(one.offset.copy(), np.diag(kernel).copy()) for one, kernel in zip(people, kernels, strict=True)]
    sides = [(at, *side) for at, one in enumerate(people) for side in _sides(len(one.offset), one.groups)]
    if not sides:
        return found
    alphas, precisions = _duals([(people[at].offset[rest], kernels[at][rest[:, None], rest]) for at, _, rest in sides])
    for (at, inside, rest), alpha, precision in zip(sides, alphas, precisions, strict=True):
        logit, variance = found[at]
        across = kernels[at][inside[:, None], rest]
        own = precision[: len(rest), : len(rest)]
        logit[inside] += across @ alpha[: len(rest)]
        variance[inside] -= ((across @ own) * across).sum(axis=1)
    return [(logit, np.maximum(variance, 0.0)) for logit, variance in found]


def _sides(n: int, held_out: Groups) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Each group and all that is outside it, where there is any."""
    for inside in held_out:
        outside = np.ones(n, dtype=bool)
        outside[inside] = False
        if outside.any():
            yield inside, np.flatnonzero(outside)


def _duals(problems: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Newton's method for f = offset + kernel·alpha, for many offsets (n,) and kernels (n, n) at once.

    Gives alpha (B, most n) and (kernel + 1/curvature)⁻¹ (B, most n, most n) at the end; what lies beyond a problem's
    own n means nothing. One solve a step. The curvature is kept above 1e-6: a choice that is certain to 14 log-odds
    teaches nothing more. A step that would raise the loss is halved: choices that everybody's weights call most
    unlikely overshoot.
    """
    offset, kernel = _padded(problems)
    every = np.arange(offset.shape[1])
    f, alpha, spread = offset.copy(), np.zeros_like(offset), np.ones_like(offset)
    value, active = _dual_loss(offset, f, alpha), np.arange(len(offset))
    for _ in range(_NEWTON):
        o, k, before, now = offset[active], kernel[active], f[active], alpha[active]
        p = sigmoid(-before)
        wide = 1.0 / np.maximum(p * (1.0 - p), 1e-6)
        system = k.copy()
        system[:, every, every] += wide
        trial = _solved(system, before - o + p * wide)
        ahead = o + _times(k, trial)
        reached = _dual_loss(o, ahead, trial)
        for _ in range(_HALVINGS):
            if not (over := reached > value[active] + 1e-9).any():
                break
            trial[over] = 0.5 * (now[over] + trial[over])
            ahead[over] = o[over] + _times(k[over], trial[over])
            reached[over] = _dual_loss(o[over], ahead[over], trial[over])
        better = reached <= value[active] + 1e-9
        spread[active] = wide
        moved = active[better]
        alpha[moved], f[moved], value[moved] = trial[better], ahead[better], reached[better]
        active = active[better & (np.abs(ahead - before).max(axis=1) >= 1e-5)]
        if not len(active):
            break
    kernel[:, every, every] += spread
    return alpha, np.asarray(np.linalg.inv(kernel), dtype=float)


def _padded(problems: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """All problems in one array, filled up with choices that have nothing to do with any other (zeros)."""
    most = max(len(offset) for offset, _ in problems)
    offsets, kernels = np.zeros((len(problems), most)), np.zeros((len(problems), most, most))
    for at, (offset, kernel) in enumerate(problems):
        offsets[at, : len(offset)] = offset
        kernels[at, : len(offset), : len(offset)] = kernel
    return offsets, kernels


def _dual_loss(offset: Array, f: Array, alpha: Array) -> Array:
    """The penalised losses (B,): −log p of all choices + ½ alpha·kernel·alpha."""
    return np.asarray(np.logaddexp(0.0, -f).sum(axis=1) + 0.5 * (alpha * (f - offset)).sum(axis=1), dtype=float)


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
        mean, covariance = _posteriors(offsets, rows, between)
        total = trust * start + (mean * mean + np.diagonal(covariance, axis1=1, axis2=2)).sum(axis=0)
        between = total / (trust + len(people))
    return between


def worth(offset: Array, t: Array, between: Array, held_out: Groups) -> Array:
    """How much log loss each choice saves the choices of other groups, nats a choice (n,).

    Each group is predicted from all others with and without each single choice; leaving one out is done in closed
    form at the fitted curvature (the leave-one-out formula of Gaussian processes), not by refitting.
    """
    kernel = (t * between) @ t.T
    saved, times = np.zeros(len(offset)), np.zeros(len(offset))
    for inside, rest in _sides(len(offset), held_out):
        (alpha,), (precision,) = _duals([(offset[rest], kernel[rest[:, None], rest])])
        across = kernel[inside[:, None], rest]
        logit = offset[inside] + across @ alpha
        without = logit[:, None] - (across @ precision) * (alpha / np.diag(precision))
        saved[rest] += (np.logaddexp(0.0, -without) - np.logaddexp(0.0, -logit)[:, None]).sum(axis=0)
        times[rest] += len(inside)
    return saved / np.maximum(times, 1.0)
