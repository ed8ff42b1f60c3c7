"""Posterior of a person's weights z ~ N(0, I) from choices among several options (softmax likelihood).

A stage is the choice of one among several options. Let d_k be the features of another option k minus those of the
chosen one, and o_k the same difference of the population's log-odds. The likelihood of a stage is
1 / (1 + Σ_k exp(o_k + d_k·z)). A pair is a stage with one other option (Bradley–Terry), a ranking is a sequence of
stages (Plackett–Luce), and a thumb is a stage whose other option is a threshold.

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
"""Maximum number of groups for which leaving one out refits; above, it takes one Newton step with the exact Hessian."""


class Stages(NamedTuple):
    """S stages, padded to K other options with offset −∞.

    Attributes:
        offset: log-odds of each other option minus those of the chosen one, by the population's weights (S, K).
        x: features of each other option minus those of the chosen one (S, K, r).
        weight: weight of each stage (S,).
        group: group number of each stage (S,), from 0.
    """

    offset: Array
    x: Array
    weight: Array
    group: NDArray[np.intp]

    def some(self, kept: NDArray[np.bool_]) -> Stages:
        """The stages selected by a mask (S,)."""
        return Stages(self.offset[kept], self.x[kept], self.weight[kept], self.group[kept])


def loss(stages: Stages, z: Array) -> float:
    """Weighted negative log-likelihood, nats."""
    return float(stages.weight @ _log_total(stages.offset + stages.x @ z))


def gradient_and_hessian(stages: Stages, z: Array) -> tuple[Array, Array]:
    """Gradient (r,) and Hessian (r, r) of `loss` with respect to z."""
    f = stages.offset + stages.x @ z
    chance = np.exp(f - _log_total(f)[:, None])
    mean = np.einsum("sk,skr->sr", chance, stages.x)
    gradient = stages.weight @ mean
    weighted = (chance * stages.weight[:, None])[..., None] * stages.x
    rows = stages.x.reshape(-1, stages.x.shape[2])
    hessian = weighted.reshape(rows.shape).T @ rows - (mean * stages.weight[:, None]).T @ mean
    return np.asarray(gradient, dtype=float), np.asarray(hessian, dtype=float)


def mode_of(stages: Stages, start: Array) -> tuple[Array, Array]:
    """Mode (r,) and Hessian (r, r) of the posterior with z ~ N(0, I); a step that would increase the loss is halved."""
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
    """Modes (count, r) and covariances (count, r, r) of the posteriors without each group.

    Args:
        stages: all stages.
        mode, hessian: of the posterior given all stages, as returned by `mode_of`.
        count: number of groups.
    """
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
    """log(1 + Σ_k exp(f_k)) of each stage (S,), without overflow."""
    top = np.maximum(f.max(axis=1, initial=0.0), 0.0)
    return np.asarray(top + np.log(np.exp(-top) + np.exp(f - top[:, None]).sum(axis=1)), dtype=float)
