"""PReF, rewards as factors (Shenfeld et al., arXiv 2503.06358): a person is a few coefficients.

    r_i(x) = λ_iᵀ φ(x),  φ(x) ∈ R^J                                                     (eq. 3)
    p(x¹ ≻ x² | i) = σ( λ_iᵀ [φ(x¹) − φ(x²)] )                                         (eq. 4)
    maximum likelihood in all λ_i and φ, with β/2 Σ |λ_i|²                              (eq. 5)
    a new person: the same in λ alone                                                   (eq. 6)
    the next question: the pair whose σ'(λᵀv)² vᵀ H⁻¹ v is largest, v = φ(x¹) − φ(x²), H the Hessian so far

φ is linear on features. The likelihood has many bad optima, so the paper begins with a singular value decomposition of
who chose what. That matrix has a row a pair, and here hardly a pair is judged by two people; `start` decomposes
people's rewards instead: one step of ascent of each person's likelihood from everybody's reward. (Our own training
begins at random directions: on prism it ends alike, 0.5530 and 0.5534 nats.) `models.questions` asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from personalrm.models.learned.factors import Factors
from personalrm.models.learned.people import Choices


@dataclass(frozen=True, slots=True)
class Settings:
    """``factors``: J. ``shrink``: ridge of φ. ``spread``: 1/√β, deviation of people's coefficients to begin with."""

    factors: int = 24
    shrink: float = 0.3
    spread: float = 1.0
    published: bool = False


class PReF(Factors):
    """See the module's docstring. Parameters: directions (J, d)."""

    def __init__(self, base: Tensor, people: int, settings: Settings) -> None:
        super().__init__(base, people, settings.factors, "identity", settings.spread, settings.published)
        self.directions = self.fresh(settings.factors, 0.15)
        self._shrink = settings.shrink

    def factors(self, features: Tensor) -> Tensor:
        return features @ self.directions.T

    def penalty(self) -> Tensor:
        return 0.5 * self._shrink * self.directions.square().sum()

    @torch.no_grad()
    def start(self, people: Sequence[Choices]) -> None:
        """Directions and people from the singular values of everybody's first step; in the published form only."""
        if not self.remembers:
            return
        left, size, right = torch.linalg.svd(torch.stack([self._step(one) for one in people]), full_matrices=False)
        rank = min(len(size), len(self.directions))
        norm = self.directions.norm(dim=1).mean() * size[:rank] / size[:rank].mean()
        self.directions[:rank] = right[:rank] * norm[:, None]
        self.table[:, :rank] = left[:, :rank] / left[:, :rank].std(0).clamp(min=1e-6)

    def _step(self, choices: Choices) -> Tensor:
        """Where a person's likelihood rises (d,), from everybody's reward, by what surprises it."""
        differences = torch.from_numpy(choices.chosen - choices.rejected)
        surprise = torch.sigmoid(-(differences @ self.base))
        return surprise @ (differences * (self.base == 0.0)) / surprise.sum().clamp(min=1.0)
