"""Newton's method for many ridge-penalised logistic regressions at once: weights z ~ N(0, I), every label 1.

modes, hessians = newton(OwnRows(offset, x), start)              # several people with different choices
modes, hessians = newton(SharedRows(offset, x, kept), start)     # one person, each problem without one group
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from personalrm.models.traits.fit import Array, sigmoid, softplus

Rows = NDArray[np.intp]

_STEPS, _HALVINGS = 30, 12
_CLOSE = 1e-6  # change of z at which iteration stops; the remaining error is of the order of its square
_CHUNK = 1_024  # rows per matrix product


class ProblemRows(Protocol):
    """The rows of B problems. ``at`` (b,): indices of the problems to compute; other arrays have b rows.

    ``logits`` (b, n) from weights z (b, r); ``losses`` (b,) from logits f; ``gradients`` (b, r) from probabilities p of
    the other label; ``curvatures`` (b, r, r) from weights w of the rows.
    """

    def logits(self, z: Array, at: Rows) -> Array: ...
    def losses(self, f: Array, at: Rows) -> Array: ...
    def gradients(self, p: Array, at: Rows) -> Array: ...
    def curvatures(self, w: Array, at: Rows) -> Array: ...


class OwnRows(NamedTuple):
    """Problems with separate rows: offset (B, n), x (B, n, r)."""

    offset: Array
    x: Array

    def logits(self, z: Array, at: Rows) -> Array:
        product: Array = (self.x[at] @ z[..., None])[..., 0]
        return self.offset[at] + product

    def losses(self, f: Array, at: Rows) -> Array:
        return np.asarray(softplus(-f).sum(axis=1), dtype=float)

    def gradients(self, p: Array, at: Rows) -> Array:
        product: Array = (p[:, None, :] @ self.x[at])[:, 0]
        return product

    def curvatures(self, w: Array, at: Rows) -> Array:
        rows = self.x[at]
        return np.asarray(np.swapaxes(rows * w[..., None], 1, 2) @ rows, dtype=float)


class SharedRows(NamedTuple):
    """Problems on subsets of common rows: offset (n,), x (n, r), kept (B, n) is 1 for a row of the problem, else 0."""

    offset: Array
    x: Array
    kept: Array

    def logits(self, z: Array, at: Rows) -> Array:
        product: Array = z @ self.x.T
        return self.offset + product

    def losses(self, f: Array, at: Rows) -> Array:
        return np.asarray((softplus(-f) * self.kept[at]).sum(axis=1), dtype=float)

    def gradients(self, p: Array, at: Rows) -> Array:
        product: Array = (p * self.kept[at]) @ self.x
        return product

    def curvatures(self, w: Array, at: Rows) -> Array:
        """One matrix product with the rows' outer products, of which only the upper triangle is computed."""
        n, r = self.x.shape
        weights, (upper, right) = w * self.kept[at], _triangle(r)
        triangle = np.zeros((len(w), len(upper)))
        for begin in range(0, n, _CHUNK):
            rows = self.x[begin : begin + _CHUNK]
            triangle += weights[:, begin : begin + _CHUNK] @ (rows[:, upper] * rows[:, right])
        found = np.empty((len(w), r, r))
        found[:, upper, right] = found[:, right, upper] = triangle
        return found


@lru_cache(maxsize=64)
def _triangle(r: int) -> tuple[Rows, Rows]:
    """Row and column indices of the upper triangle of an (r, r) matrix."""
    upper, right = np.triu_indices(r)
    return upper, right


def newton(rows: ProblemRows, start: Array) -> tuple[Array, Array]:
    """Modes (B, r) and Hessians (B, r, r) from ``start`` (B, r); a step that would increase the loss is halved."""
    z, every = start.copy(), np.arange(start.shape[1])
    active = np.arange(len(z))
    f = rows.logits(z, active)
    value = rows.losses(f, active) + 0.5 * (z * z).sum(axis=1)
    hessian = np.zeros((len(z), len(every), len(every)))
    for _ in range(_STEPS):
        now, p = z[active], sigmoid(-f[active])
        hessians = rows.curvatures(p * (1.0 - p), active)
        hessians[:, every, every] += 1.0
        step = np.asarray(np.linalg.solve(hessians, (rows.gradients(p, active) - now)[..., None])[..., 0], dtype=float)
        for _ in range(_HALVINGS):
            trial = now + step
            ahead = rows.logits(trial, active)
            reached = rows.losses(ahead, active) + 0.5 * (trial * trial).sum(axis=1)
            if not (over := reached > value[active] + 1e-9).any():
                break
            step[over] /= 2.0
        z[active], f[active], value[active], hessian[active] = trial, ahead, reached, hessians
        active = active[np.abs(step).max(axis=1, initial=0.0) >= _CLOSE]
        if not len(active):
            break
    return z, hessian
