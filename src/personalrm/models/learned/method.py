"""Base class of the learned methods: a population-level reward, and the term that a few choices add for one user.

    method = lore.LoRe(base, people=136, settings=lore.Settings())
    method.loss(batch, progress=0.3, draw=generator)       # training loss, nats per choice
    posterior = method.infer(batch)                        # from the known choices alone, also for new users
    method.rewards(posterior.mean, batch.chosen)           # (P, n), log-odds
    method.margin_variance(posterior, batch)               # variance of each margin (P, n)

All methods share one population-level Bradley–Terry reward (``base``) and add a per-user term; they differ in that
term.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from personalrm.models.learned.people import Batch, Choices


@dataclass(frozen=True, slots=True)
class UserPosterior:
    """Posterior of some users' parameters.

    Attributes:
        mean: posterior mean or mode (P, …); the parametrisation is the method's own.
        covariance: covariance (P, k, k) or variances (P, k); empty for methods without a posterior variance.
    """

    mean: Tensor
    covariance: Tensor


class Method(nn.Module, ABC):
    """A personalised reward; see the module's docstring.

    Args:
        base: weights of the population-level reward in the features (d,); zeros where nothing is shared.
    """

    stores_users = False
    """Whether a vector is stored for each training user, so that known and target choices are the same."""

    def __init__(self, base: Tensor) -> None:
        super().__init__()
        self.base: Tensor
        self.register_buffer("base", base.to(torch.float32), persistent=False)

    @abstractmethod
    def loss(self, batch: Batch, progress: float, draw: torch.Generator) -> Tensor:
        """Training loss: log loss of the target choices in nats per choice, plus regularisation.

        Args:
            batch: training users.
            progress: share of the training that is done, 0 to 1.
            draw: generator of all random numbers.
        """

    @abstractmethod
    def infer(self, batch: Batch) -> UserPosterior:
        """Posterior of each user given their known choices."""

    @abstractmethod
    def personal(self, mean: Tensor, features: Tensor) -> Tensor:
        """The per-user term of the reward (P, n), from user parameters (P, …) and features (P, n, d)."""

    def margin_variance(self, posterior: UserPosterior, batch: Batch) -> Tensor:
        """Posterior variance of each margin (P, n)."""
        return torch.zeros(batch.known.shape)

    def margin_factor(self, posterior: UserPosterior, batch: Batch) -> Tensor:
        """Factor F (P, n, r) of the posterior covariance of the margins: F z with z ~ N(0, I) has `margin_variance`."""
        return torch.zeros(*batch.known.shape, 0)

    def initialize(self, people: Sequence[Choices]) -> None:
        """Initialise from all choices of the training users, where random weights are a poor start."""

    def rewards(self, mean: Tensor, features: Tensor) -> Tensor:
        """Rewards (P, n) in log-odds, before calibration."""
        return features @ self.base + self.personal(mean, features)

    def margins(self, mean: Tensor, batch: Batch) -> Tensor:
        """Reward of the chosen minus that of the rejected response (P, n)."""
        return self.rewards(mean, batch.chosen) - self.rewards(mean, batch.rejected)


def masked_log_loss(margins: Tensor, mask: Tensor) -> Tensor:
    """Bradley–Terry loss: mean −log σ(margin) over the mask (or weighted by it), nats per choice."""
    found: Tensor = (softplus(-margins) * mask).sum() / mask.sum().clamp(min=1)
    return found


def moderated(margins: Tensor, variance: Tensor) -> Tensor:
    """Margins m' with σ(m') ≈ E σ(N(margin, variance)) (MacKay 1992)."""
    found: Tensor = margins / torch.sqrt(1.0 + torch.pi / 8.0 * variance)
    return found
