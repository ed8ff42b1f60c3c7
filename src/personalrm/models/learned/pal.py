"""PAL, pluralistic alignment (Chen et al., arXiv 2406.08469), model A: a user is a mixture of ideal points.

    u_i = Σ_k w_ik p_k,  w_i on the simplex         the user's ideal point, a mixture of K prototypes
    r_i(x) = −|f(x) − u_i|²                          the reward falls with the distance from it
    a new user: w_i alone, with f and the prototypes fixed

f maps features to D dimensions. |f(x)|² is the same for all users and |u_i|² for all responses, so a margin is linear
in w_i: its personal part is 2 (f(x) − f(x'))·u_i. The loss is Bradley–Terry's, not the authors' hinge loss, which gives
no probabilities; the distance is squared, as in the ideal-point model that the paper starts from.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from personalrm.models.learned.factors import Factors


@dataclass(frozen=True, slots=True)
class Settings:
    """``prototypes``: K. ``width``: D. ``ridge``: of f and prototypes. ``prior_std``: as in LoRe."""

    prototypes: int = 6
    width: int = 8
    ridge: float = 0.3
    prior_std: float = 3.0
    published: bool = False


class PAL(Factors):
    """See the module's docstring. Parameters: map (D, d), prototypes (K, D)."""

    def __init__(self, base: Tensor, people: int, settings: Settings) -> None:
        super().__init__(base, people, settings.prototypes, "softmax", settings.prior_std, settings.published)
        self.map = self.fresh(settings.width, 0.1)
        self.prototypes = nn.Parameter(torch.randn(settings.prototypes, settings.width))
        self._ridge = settings.ridge

    def factors(self, features: Tensor) -> Tensor:
        placed = features @ self.map.T
        return 2.0 * placed @ self.prototypes.T - placed.square().sum(-1, keepdim=True)

    def penalty(self) -> Tensor:
        return 0.5 * self._ridge * (self.map.square().sum() + self.prototypes.square().sum())
