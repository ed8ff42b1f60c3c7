"""A new person from a handful of choices, where the reward is linear in a few weights of theirs.

LoRe, PAL and PReF predict a choice by σ(o + t·w): o is what everybody says, t what the factors differ by, w the
person's weights. With a normal prior on what is behind w, the best guess and its uncertainty take a few Newton steps
in as many unknowns as there are factors: a millisecond, and many people at once. All steps can be differentiated.

    behind, covariance = posterior(offset, t, known, prior, "softmax")

The papers fit a new person without a prior, by gradient steps; a dozen choices cannot bear that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

Link = Literal["identity", "softmax"]
_STEPS, _CLOSE, _HALVINGS = 30, 1e-5, 8


@dataclass(frozen=True, slots=True)
class Normal:
    """What is expected of anybody: mean and variance (k,) of what is behind their weights."""

    mean: Tensor
    variance: Tensor


def weights_of(behind: Tensor, link: Link) -> Tensor:
    """The weights (…, k): what is behind them as it is, or brought onto the simplex."""
    return behind.softmax(-1) if link == "softmax" else behind


def slope(t: Tensor, behind: Tensor, link: Link) -> Tensor:
    """How each margin moves with what is behind the weights, (P, n, k)."""
    if link == "identity":
        return t
    weights = behind.softmax(-1)[:, None]
    return t * weights - (t * weights).sum(-1, keepdim=True) * weights


def posterior(offset: Tensor, t: Tensor, known: Tensor, prior: Normal, link: Link) -> tuple[Tensor, Tensor]:
    """Best guess (P, k) and covariance (P, k, k) of what is behind each person's weights (Laplace, Gauss–Newton).

    Args:
        offset: what everybody says of each choice, log-odds (P, n).
        t: how the factors differ, chosen minus rejected (P, n, k).
        known: which choices may be learned from (P, n).
        prior: of what is behind the weights.
        link: how weights come from it.
    """
    problem = _Problem(offset, t, known, prior, link)
    behind = prior.mean.expand(len(t), -1)
    now = problem.value(behind)
    for _ in range(_STEPS):
        step = torch.linalg.solve(problem.curvature(behind), problem.downhill(behind))
        behind, now, moved = _shortened(problem, behind, now, step)
        if moved < _CLOSE:
            break
    return behind, torch.linalg.inv(problem.curvature(behind))


def _shortened(problem: _Problem, behind: Tensor, now: Tensor, step: Tensor) -> tuple[Tensor, Tensor, float]:
    """A step that lowers the loss of everybody, halved where the whole one overshoots; and the furthest move."""
    size = torch.ones(len(step), 1)
    with torch.no_grad():
        trial = problem.value(behind + step)
        for _ in range(_HALVINGS):
            over = trial > now + 1e-6
            if not over.any():
                break
            size[over] /= 2.0
            trial = problem.value(behind + size * step)
        size[trial > now + 1e-6] = 0.0
    return behind + size * step, torch.minimum(now, trial), float((size * step).detach().abs().max())


@dataclass(frozen=True, slots=True)
class _Problem:
    """The penalised log loss of each person."""

    offset: Tensor
    t: Tensor
    known: Tensor
    prior: Normal
    link: Link

    def value(self, behind: Tensor) -> Tensor:
        away = behind - self.prior.mean
        found: Tensor = (softplus(-self._margins(behind)) * self.known).sum(-1)
        return found + 0.5 * (away * away / self.prior.variance).sum(-1)

    def downhill(self, behind: Tensor) -> Tensor:
        surprise = torch.sigmoid(-self._margins(behind)) * self.known
        pull = (behind - self.prior.mean) / self.prior.variance
        return torch.einsum("pn,pni->pi", surprise, slope(self.t, behind, self.link)) - pull

    def curvature(self, behind: Tensor) -> Tensor:
        moves = slope(self.t, behind, self.link)
        p = torch.sigmoid(-self._margins(behind))
        bent = p * (1.0 - p) * self.known
        return torch.einsum("pn,pni,pnj->pij", bent, moves, moves) + torch.diag(1.0 / self.prior.variance)

    def _margins(self, behind: Tensor) -> Tensor:
        return self.offset + (self.t * weights_of(behind, self.link)[:, None]).sum(-1)
