"""LoRe, low-rank rewards (Bose et al., arXiv 2504.14439): a person mixes a few rewards that everybody shares.

    r_i(x) = w_iᵀ R(x),  w_i on the simplex,  R(x) ∈ R^B                               (eq. 7)
    min Σ_i −log σ( w_iᵀ [R(x_chosen) − R(x_rejected)] )                                (eq. 10)
    a new person: the same in w_i alone, R held still

R is linear on features. As in the authors' regularised form the rewards of the basis are drawn to a reference reward
v, here what everybody likes: R_b(x) = (v + u_b)·x with λ/2 |u_b|². Eq. 10 takes the mean of each person's mean; here
each choice counts alike, for a person of three choices says less than one of forty.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from personalrm.models.learned.factors import Factors


@dataclass(frozen=True, slots=True)
class Settings:
    """``rank``: B. ``shrink``: λ. ``spread``: deviation of what is behind people's weights, to begin with."""

    rank: int = 8
    shrink: float = 0.3
    spread: float = 3.0
    published: bool = False


class LoRe(Factors):
    """See the module's docstring. Parameters: basis (B, d)."""

    def __init__(self, base: Tensor, people: int, settings: Settings) -> None:
        super().__init__(base, people, settings.rank, "softmax", settings.spread, settings.published)
        self.basis = self.fresh(settings.rank, 0.05 if settings.published else 0.5)
        self._shrink = settings.shrink

    def factors(self, features: Tensor) -> Tensor:
        return features @ self.basis.T

    def penalty(self) -> Tensor:
        return 0.5 * self._shrink * self.basis.square().sum()
