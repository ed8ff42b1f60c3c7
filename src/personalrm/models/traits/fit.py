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

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Groups = Sequence[NDArray[np.intp]]

_STEPS, _CLOSE = 60, 1e-4  # weights are of order 1; 15-40 steps on all our data
_NEWTON, _HALVINGS = 25, 10


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
    else:
        inverse = np.linalg.inv((x.T @ x if gram is None else gram).astype(float) / 4.0 + shrink * np.eye(d))
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
            step = inverse @ gradient
        previous, weights, momentum = weights, ahead + step, faster
        if np.abs(step).max(initial=0.0) < _CLOSE:
            break
    return weights


def person_posterior(offset: Array, t: Array, between: Array) -> tuple[Array, Array]:
    """Mean (p,) and covariance (p, p) of one person's departure v from everybody, by Newton's method and Laplace.

    Args:
        offset: what everybody's weights say of each choice, log-odds (n,).
        t: trait differences, chosen minus rejected (n, p).
        between: variance of each departure among people (p,), all positive.
    """
    precision = 1.0 / between
    v: Array = np.zeros(len(between))
    hessian: Array = np.diag(precision)
    value = _penalised(offset, t, v, precision)
    for _ in range(_NEWTON):
        p = sigmoid(-(offset + t @ v))
        hessian = (t * (p * (1.0 - p))[:, None]).T @ t
        hessian[np.diag_indices_from(hessian)] += precision
        step = np.linalg.solve(hessian, t.T @ p - precision * v)
        size, trial = 1.0, _penalised(offset, t, v + step, precision)
        while trial > value + 1e-12 and size > 1e-3:  # far-off choices: Newton may overshoot, half a step not for long
            size /= 2.0
            trial = _penalised(offset, t, v + size * step, precision)
        v, value = v + size * step, trial
        if np.abs(step).max(initial=0.0) < 1e-8:
            break
    covariance: Array = np.asarray(np.linalg.inv(hessian), dtype=float)
    return v, covariance


def _penalised(offset: Array, t: Array, v: Array, precision: Array) -> float:
    return float(np.logaddexp(0.0, -(offset + t @ v)).sum() + 0.5 * (precision * v * v).sum())


def leave_out(offset: Array, t: Array, between: Array, held_out: Groups) -> tuple[Array, Array]:
    """Logit and variance (n,) of each choice, predicted from the choices outside its own group.

    Works in the dual (as many unknowns as choices), which is quick for the dozen choices that people have.
    """
    kernel = (t * between) @ t.T
    logit, variance = offset.copy(), np.diag(kernel).copy()
    for inside, rest in _sides(len(offset), held_out):
        alpha, precision = _dual(offset[rest], kernel[rest[:, None], rest])
        across = kernel[inside[:, None], rest]
        logit[inside] += across @ alpha
        variance[inside] -= ((across @ precision) * across).sum(axis=1)
    return logit, np.maximum(variance, 0.0)


def _sides(n: int, held_out: Groups) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Each group and all that is outside it, where there is any."""
    for inside in held_out:
        outside = np.ones(n, dtype=bool)
        outside[inside] = False
        if outside.any():
            yield inside, np.flatnonzero(outside)


def _dual(offset: Array, kernel: Array) -> tuple[Array, Array]:
    """Newton's method for f = offset + kernel·alpha: alpha (n,) and (kernel + 1/curvature)⁻¹ (n, n) at the end.

    One solve a step. The curvature is kept above 1e-6: a choice that is certain to 14 log-odds teaches nothing more.
    A step that would raise the loss is halved: choices that everybody's weights call most unlikely overshoot.
    """
    f = offset
    alpha: Array = np.zeros(len(offset))
    system, value = kernel, _dual_loss(offset, f, alpha)
    for _ in range(_NEWTON):
        p = sigmoid(-f)
        spread = 1.0 / np.maximum(p * (1.0 - p), 1e-6)
        system = kernel + np.diag(spread)
        trial = np.asarray(np.linalg.solve(system, f - offset + p * spread), dtype=float)
        for _ in range(_HALVINGS):
            ahead = offset + kernel @ trial
            reached = _dual_loss(offset, ahead, trial)
            if reached <= value + 1e-9:
                break
            trial = 0.5 * (alpha + trial)
        else:
            break
        before, alpha, f, value = f, trial, ahead, reached
        if np.abs(f - before).max() < 1e-5:
            break
    return alpha, np.asarray(np.linalg.inv(system), dtype=float)


def _dual_loss(offset: Array, f: Array, alpha: Array) -> float:
    """The penalised loss: −log p of all choices + ½ alpha·kernel·alpha."""
    return float(np.logaddexp(0.0, -f).sum() + 0.5 * (alpha @ (f - offset)))


def between_people(offset: Array, t: Array, people: Groups, start: Array, *, trust: float, rounds: int = 12) -> Array:
    """Variance of each trait's weight among people (p,), by expectation–maximisation.

    ``trust`` is how many people the common ``start`` (p,) counts for: a dozen choices of a person say little of any
    single trait, so each variance is drawn towards the common one.
    """
    between = start.copy()
    for _ in range(rounds):
        total = trust * start
        for mine in people:
            mean, covariance = person_posterior(offset[mine], t[mine], between)
            total = total + mean * mean + np.diag(covariance)
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
        alpha, precision = _dual(offset[rest], kernel[rest[:, None], rest])
        across = kernel[inside[:, None], rest]
        logit = offset[inside] + across @ alpha
        without = logit[:, None] - (across @ precision) * (alpha / np.diag(precision))
        saved[rest] += (np.logaddexp(0.0, -without) - np.logaddexp(0.0, -logit)[:, None]).sum(axis=0)
        times[rest] += len(inside)
    return saved / np.maximum(times, 1.0)
