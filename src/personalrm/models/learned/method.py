"""The seam of the learned methods: what is learned of everybody, and what a few choices add about one person.

    method = lore.LoRe(base, people=136, settings=lore.Settings())
    method.loss(batch, progress=0.3, draw=generator)       # one step of training, nats a choice
    belief = method.believe(batch)                         # from the known choices alone, for people never seen
    method.rewards(belief.taste, batch.chosen)             # (P, n), log-odds
    method.doubt(belief, batch)                            # variance of each margin (P, n)

All methods stand on the same footing: to the reward that everybody shares (``base``) a person's part is added. What a
method has of its own is that part.
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
    """What is believed of some people.

    Attributes:
        taste: the best guess (P, …); what its numbers mean is the method's own.
        spread: its covariance (P, k, k) or variances (P, k); empty where the method has no doubt of its own.
    """

    mean: Tensor
    spread: Tensor


class Method(nn.Module, ABC):
    """A way to personalise a reward; see the module's docstring.

    Args:
        base: everybody's weights of the features (d,); zeros where a method learns everything by itself.
    """

    remembers = False
    """Whether training keeps a vector for each person, so that known and asked choices are the same ones."""

    def __init__(self, base: Tensor) -> None:
        super().__init__()
        self.base: Tensor
        self.register_buffer("base", base.to(torch.float32), persistent=False)

    @abstractmethod
    def loss(self, batch: Batch, progress: float, draw: torch.Generator) -> Tensor:
        """What training makes small: log loss of the asked choices, nats a choice, and what holds weights back.

        Args:
            batch: people of training.
            progress: how far training is, 0 to 1.
            draw: whatever is drawn comes from here.
        """

    @abstractmethod
    def infer(self, batch: Batch) -> UserPosterior:
        """What the known choices say of each person."""

    @abstractmethod
    def personal(self, mean: Tensor, features: Tensor) -> Tensor:
        """A person's part of the reward (P, n), from tastes (P, …) and features (P, n, d)."""

    def doubt(self, belief: UserPosterior, batch: Batch) -> Tensor:
        """Variance of the margin of each choice (P, n), by what is not known of the person."""
        return torch.zeros(batch.known.shape)

    def factor(self, belief: UserPosterior, batch: Batch) -> Tensor:
        """How each margin hangs on what is not known of the person (P, n, r): times N(0, I) it has that `doubt`."""
        return torch.zeros(*batch.known.shape, 0)

    def start(self, people: Sequence[Choices]) -> None:
        """A better beginning than a random one, from all choices of the people of training."""

    def rewards(self, mean: Tensor, features: Tensor) -> Tensor:
        """Rewards (P, n) in log-odds, not yet calibrated."""
        return features @ self.base + self.personal(mean, features)

    def margins(self, mean: Tensor, batch: Batch) -> Tensor:
        """Reward of the chosen minus that of the rejected response (P, n)."""
        return self.rewards(mean, batch.chosen) - self.rewards(mean, batch.rejected)


def masked_log_loss(margins: Tensor, mask: Tensor) -> Tensor:
    """Bradley–Terry: mean −log σ(margin) of the choices in the mask, nats a choice."""
    found: Tensor = (softplus(-margins) * mask).sum() / mask.sum().clamp(min=1)
    return found


def moderated(margins: Tensor, variance: Tensor) -> Tensor:
    """Margins whose σ is the mean of σ(N(margin, variance)) (MacKay's approximation)."""
    found: Tensor = margins / torch.sqrt(1.0 + torch.pi / 8.0 * variance)
    return found
