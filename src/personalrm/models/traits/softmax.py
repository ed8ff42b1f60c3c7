"""Choices of one among several: the posterior of a person's weights z ~ N(0, I) under softmax likelihoods.

A stage is the choice of one option among some. With d_k the features of another option k minus those of the chosen one
and o_k the same of the population's log-odds, its likelihood is 1 / (1 + Σ_k exp(o_k + d_k·z)). A pair is a stage with
one other option (Bradley–Terry), a ranking a sequence of stages (Plackett–Luce), a thumb one against a threshold.

    mode, hessian = mode_of(stages, np.zeros(r))                  # Newton's method
    modes, spreads = without_groups(stages, mode, hessian)        # the same without each group of stages
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits.fit import Array

_STEPS, _HALVINGS, _CLOSE = 50, 20, 1e-7
REFITTED = 32
"""Groups up to which leaving one out is fitted anew; above, it is one Newton step with the Hessian of the rest."""


class Stages(NamedTuple):
    """Stages side by side, filled up with options that nobody could choose (offset −∞).

    Attributes:
        offset: log-odds of each other option against the chosen one by the population's weights (S, K).
        x: the same of the features (S, K, r).
        weight: how often each stage counts (S,).
        group: of each stage (S,), from 0 on.
    """

    offset: Array
    x: Array
    weight: Array
    group: NDArray[np.intp]

    def some(self, kept: NDArray[np.bool_]) -> Stages:
        """Those stages."""
        return Stages(self.offset[kept], self.x[kept], self.weight[kept], self.group[kept])


def loss(stages: Stages, z: Array) -> float:
    """Weighted negative log-likelihood, nats."""
    return float(stages.weight @ _log_total(stages.offset + stages.x @ z))


def gradient_and_hessian(stages: Stages, z: Array) -> tuple[Array, Array]:
    """Of `loss` in z: (r,) and (r, r)."""
    f = stages.offset + stages.x @ z
    chance = np.exp(f - _log_total(f)[:, None])
    mean = np.einsum("sk,skr->sr", chance, stages.x)
    gradient = stages.weight @ mean
    weighted = (chance * stages.weight[:, None])[..., None] * stages.x
    rows = stages.x.reshape(-1, stages.x.shape[2])
    hessian = weighted.reshape(rows.shape).T @ rows - (mean * stages.weight[:, None]).T @ mean
    return np.asarray(gradient, dtype=float), np.asarray(hessian, dtype=float)


def mode_of(stages: Stages, start: Array) -> tuple[Array, Array]:
    """Mode (r,) and Hessian (r, r) of the posterior with z ~ N(0, I); a step that would raise the loss is halved."""
    z, eye = start.copy(), np.eye(len(start))
    value = loss(stages, z) + 0.5 * float(z @ z)
    hessian = eye
    for _ in range(_STEPS):
        gradient, hessian = gradient_and_hessian(stages, z)
        hessian = hessian + eye
        step = np.linalg.solve(hessian, -(gradient + z))
        for _ in range(_HALVINGS):
            trial = z + step
            reached = loss(stages, trial) + 0.5 * float(trial @ trial)
            if reached <= value + 1e-12:
                break
            step = step / 2.0
        z, value = trial, reached
        if np.abs(step).max(initial=0.0) < _CLOSE:
            break
    return z, hessian


def without_groups(stages: Stages, mode: Array, hessian: Array, count: int) -> tuple[Array, Array]:
    """Modes (count, r) and covariances (count, r, r) of the posterior without the stages of each group."""
    modes, rests = np.tile(mode, (count, 1)), np.tile(hessian, (count, 1, 1))
    for group in range(count):
        inside = stages.group == group
        if not inside.any():
            continue
        if count <= REFITTED:
            modes[group], rests[group] = mode_of(stages.some(~inside), mode)
            continue
        gradient, bent = gradient_and_hessian(stages.some(inside), mode)
        rests[group] = hessian - bent
        modes[group] = mode + np.linalg.solve(rests[group], gradient)
    return modes, np.asarray(np.linalg.inv(rests), dtype=float)


def _log_total(f: Array) -> Array:
    """log(1 + Σ_k exp(f_k)) of each stage (S,), without overflow; −∞ adds nothing."""
    top = np.maximum(f.max(axis=1, initial=0.0), 0.0)
    return np.asarray(top + np.log(np.exp(-top) + np.exp(f - top[:, None]).sum(axis=1)), dtype=float)
