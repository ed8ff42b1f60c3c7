"""VPL, variational preference learning (Poddar et al., arXiv 2408.10075): a user is a latent vector z.

    q(z | known choices) = N(μ, diag σ²)      each choice is encoded, choices attend to each other, then mean pooling
    r(x, z) = f(x)·z + g(f(x), z)              a decoder of features and z
    maximise  E_q Σ log σ( r(x_chosen, z) − r(x_rejected, z) ) − β KL( q | N(0, I) )

β is annealed from 0 over the first part of training, against posterior collapse. The decoder adds the product of f(x)
and z to the paper's network: with the network alone z was never used on PRISM at any β (posterior collapse, which
others report for VPL too). The known choices are always the same user's and never the target ones: reconstructing the
context, as in the authors' code, rewards memorisation. The KL has its factor ½ and nothing is clamped.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from personalrm.models.learned.method import Method, UserPosterior, masked_log_loss
from personalrm.models.learned.people import Batch

_DRAWS = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """``latent``: size of z. ``width``: of hidden layers. ``beta``: weight of the KL. ``warmup``: share of training."""

    latent: int = 8
    width: int = 16
    beta: float = 0.1
    warmup: float = 0.3


class VPL(Method):
    """See the module's docstring."""

    def __init__(self, base: Tensor, people: int, settings: Settings) -> None:
        super().__init__(base)
        width, latent = settings.width, settings.latent
        self._settings = settings
        # the attribute names are parameter names in saved models
        self.reading = nn.Sequential(nn.Linear(len(base), width), nn.Tanh())
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.belief = nn.Linear(width, 2 * latent, bias=False)
        self.features = nn.Linear(len(base), latent, bias=False)
        last = nn.Linear(width, 1, bias=False)
        self.network = nn.Sequential(nn.Linear(2 * latent, width), nn.GELU(), last)
        nn.init.normal_(self.belief.weight, std=0.3)
        nn.init.zeros_(last.weight)

    def loss(self, batch: Batch, progress: float, draw: torch.Generator) -> Tensor:
        mean, log_variance = self._encoded(batch)
        noise = torch.randn(mean.shape, generator=draw)
        margins = self.margins(mean + noise * (0.5 * log_variance).exp(), batch)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum()
        weight = self._settings.beta * min(1.0, progress / self._settings.warmup)
        counted = batch.target_weight
        return masked_log_loss(margins, counted) + weight * divergence / counted.sum().clamp(min=1)

    def infer(self, batch: Batch) -> UserPosterior:
        mean, log_variance = self._encoded(batch)
        return UserPosterior(mean, log_variance.exp())

    def personal(self, mean: Tensor, features: Tensor) -> Tensor:
        return self._decoded(mean, self.features(features))

    def margin_variance(self, posterior: UserPosterior, batch: Batch) -> Tensor:
        return self.margin_factor(posterior, batch).square().sum(-1)

    def margin_factor(self, posterior: UserPosterior, batch: Batch) -> Tensor:
        """Monte Carlo with antithetic draws of z, because the decoder is not linear in z."""
        mean, deviation = posterior.mean, posterior.covariance.sqrt()
        half = torch.randn(_DRAWS // 2, mean.shape[-1], generator=torch.Generator().manual_seed(_DRAWS))
        latents = mean + torch.cat([half, -half])[:, None] * deviation
        chosen, rejected = (self.features(one).expand(_DRAWS, -1, -1, -1) for one in (batch.chosen, batch.rejected))
        drawn = (self._decoded(latents, chosen) - self._decoded(latents, rejected)).movedim(0, -1)
        found: Tensor = (drawn - drawn.mean(-1, keepdim=True)) / (_DRAWS - 1) ** 0.5
        return found

    def _decoded(self, mean: Tensor, seen: Tensor) -> Tensor:
        """The per-user term of the reward (…, n) from decoder features of the responses (…, n, latent)."""
        expanded = mean[..., None, :].expand(*seen.shape)
        found: Tensor = (seen * expanded).sum(-1) + self.network(torch.cat([seen, expanded], -1))[..., 0]
        return found

    def _encoded(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """μ and log σ² of z (P, latent); exactly N(0, I) without known choices."""
        read = self.reading(batch.differences)
        affinity = self.query(read) @ self.key(read).transpose(1, 2) / read.shape[-1] ** 0.5
        counted = batch.known_weight
        if batch.weight is not None:  # pairs of one ranking get the attention of one choice together
            affinity = affinity + batch.weight.clamp(min=1e-6).log()[:, None, :]
        affinity = affinity.masked_fill(~batch.known[:, None, :], -1e9)
        attended = (affinity.softmax(-1) @ self.value(read)) * counted[..., None]
        some = counted.sum(1, keepdim=True)
        mean, log_variance = self.belief(attended.sum(1) / some.clamp(min=1)).chunk(2, dim=-1)
        return mean, log_variance
