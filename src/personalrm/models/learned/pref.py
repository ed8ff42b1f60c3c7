"""PReF, preference factors (Shenfeld et al., arXiv 2503.06358): a user is a few coefficients of shared reward factors.

    r_i(x) = λ_iᵀ φ(x),  φ(x) ∈ R^J                                                     (eq. 3)
    p(x¹ ≻ x² | i) = σ( λ_iᵀ [φ(x¹) − φ(x²)] )                                         (eq. 4)
    maximum likelihood in all λ_i and φ, with β/2 Σ |λ_i|²                              (eq. 5)
    a new user: the same in λ alone                                                     (eq. 6)
    the next query: the pair with the largest σ'(λᵀv)² vᵀ H⁻¹ v, v = φ(x¹) − φ(x²), H the Hessian so far

φ is linear in the features. The likelihood has many poor optima, so the paper initialises with a singular value
decomposition of the matrix of choices, one row per pair. Here hardly any pair is judged by two users, so `initialize`
decomposes rewards instead: one gradient step of each user's likelihood from the population-level reward. (Our own
training starts from random directions: on PRISM log loss 0.5530 and 0.5534 nats.) Queries: `models.acquisition`.
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
    """``factors``: J. ``ridge``: of φ. ``prior_std``: 1/√β, initial standard deviation of the coefficients."""

    factors: int = 24
    ridge: float = 0.3
    prior_std: float = 1.0
    published: bool = False


class PReF(Factors):
    """See the module's docstring. Parameters: directions (J, d)."""

    def __init__(self, base: Tensor, people: int, settings: Settings) -> None:
        super().__init__(base, people, settings.factors, "identity", settings.prior_std, settings.published)
        self.directions = self.fresh(settings.factors, 0.15)
        self._ridge = settings.ridge

    def factors(self, features: Tensor) -> Tensor:
        return features @ self.directions.T

    def penalty(self) -> Tensor:
        return 0.5 * self._ridge * self.directions.square().sum()

    @torch.no_grad()
    def initialize(self, people: Sequence[Choices]) -> None:
        """Directions and coefficients from an SVD of the users' first gradient steps; with ``published`` only."""
        if not self.stores_users:
            return
        left, size, right = torch.linalg.svd(torch.stack([self._step(one) for one in people]), full_matrices=False)
        rank = min(len(size), len(self.directions))
        norm = self.directions.norm(dim=1).mean() * size[:rank] / size[:rank].mean()
        self.directions[:rank] = right[:rank] * norm[:, None]
        self.table[:, :rank] = left[:, :rank] / left[:, :rank].std(0).clamp(min=1e-6)

    def _step(self, choices: Choices) -> Tensor:
        """Gradient of a user's likelihood (d,) at the population-level reward."""
        differences = torch.from_numpy(choices.chosen - choices.rejected)
        surprise = torch.sigmoid(-(differences @ self.base))
        if choices.weight is not None:
            surprise = surprise * torch.from_numpy(choices.weight)
        return surprise @ (differences * (self.base == 0.0)) / surprise.sum().clamp(min=1.0)
