"""LoRe, low-rank rewards (Bose et al., arXiv 2504.14439): a user's reward is a mixture of a few shared basis rewards.

    r_i(x) = w_iᵀ R(x),  w_i on the simplex,  R(x) ∈ R^B                               (eq. 7)
    min Σ_i −log σ( w_iᵀ [R(x_chosen) − R(x_rejected)] )                                (eq. 10)
    a new user: the same in w_i alone, with R fixed

R is linear in the features. As in the authors' regularised form the basis rewards are shrunk to a reference reward v,
here the population-level reward: R_b(x) = (v + u_b)·x with λ/2 |u_b|². Eq. 10 averages each user's mean; here each
choice has the same weight, because three choices carry less information than forty.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from personalrm.models.learned.factors import Factors


@dataclass(frozen=True, slots=True)
class Settings:
    """``rank``: B. ``ridge``: λ. ``prior_std``: initial standard deviation of the latent weights over users."""

    rank: int = 8
    ridge: float = 0.3
    prior_std: float = 3.0
    published: bool = False


class LoRe(Factors):
    """See the module's docstring. Parameters: basis (B, d)."""

    def __init__(self, base: Tensor, people: int, settings: Settings) -> None:
        super().__init__(base, people, settings.rank, "softmax", settings.prior_std, settings.published)
        self.basis = self.fresh(settings.rank, 0.05 if settings.published else 0.5)
        self._ridge = settings.ridge

    def factors(self, features: Tensor) -> Tensor:
        return features @ self.basis.T

    def penalty(self) -> Tensor:
        return 0.5 * self._ridge * self.basis.square().sum()
