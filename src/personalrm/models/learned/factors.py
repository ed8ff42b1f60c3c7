"""What LoRe, PAL and PReF share: a person's part of the reward is linear in a few weights of theirs.

Training is for what comes after it: of each person some groups are known and the weights are found from these
(`adapting`), and the loss is that of the other groups, through the steps that found them. So factors, and what is
expected of anybody, become those with which a handful of choices predicts best. The papers instead keep a vector for
each person and fit it and the factors to the same choices; ``published`` does that. (PReF on prism, 3 seeds, nats on
unseen people: everybody's reward 0.5559, published likelihood 0.5522, this one 0.5498.)
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from personalrm.models.learned.adapting import Link, Normal, posterior, slope, weights_of
from personalrm.models.learned.method import Method, UserPosterior, masked_log_loss, moderated
from personalrm.models.learned.people import Batch


class Factors(Method):
    """A method whose person is a vector of weights.

    Args:
        base: everybody's weights (d,).
        people: how many are trained on.
        count: weights a person.
        link: how weights come from what is behind them.
        spread: deviation of that among people, to begin with.
        published: keep a vector for each person.
    """

    def __init__(self, base: Tensor, people: int, count: int, link: Link, spread: float, published: bool) -> None:
        super().__init__(base)
        self.link: Link = link
        self._people = people
        self.remembers = published
        self.centre = nn.Parameter(torch.zeros(count), requires_grad=not published)
        self.log_variance = nn.Parameter(torch.full((count,), spread**2).log(), requires_grad=not published)
        if published:
            self.table = nn.Parameter(spread * torch.randn(people, count))

    @abstractmethod
    def factors(self, features: Tensor) -> Tensor:
        """What each factor says of a response (…, k): a person's part is their weights times these."""

    @abstractmethod
    def penalty(self) -> Tensor:
        """What holds the factors back, nats over all people."""

    def loss(self, batch: Batch, progress: float, draw: torch.Generator) -> Tensor:
        held = self.penalty() * len(batch.known) / self._people
        if self.remembers:
            behind = self.table[batch.person]
            held = held + 0.5 * (behind.square() / self.log_variance.exp()).sum()
            margins = self.margins(behind, batch)
        else:
            belief = self.infer(batch)
            margins = moderated(self.margins(belief.mean, batch), self.doubt(belief, batch))
        return masked_log_loss(margins, batch.asked) + held / batch.asked.sum().clamp(min=1)

    def infer(self, batch: Batch) -> UserPosterior:
        prior = Normal(self.centre, self.log_variance.exp())
        return UserPosterior(
            *posterior(batch.differences @ self.base, self._moves(batch), batch.known, prior, self.link)
        )

    def personal(self, mean: Tensor, features: Tensor) -> Tensor:
        return (self.factors(features) * weights_of(mean, self.link)[..., None, :]).sum(-1)

    def doubt(self, belief: UserPosterior, batch: Batch) -> Tensor:
        """By the slope of the margins at the best guess."""
        moves = slope(self._moves(batch), belief.mean, self.link)
        return torch.einsum("pni,pij,pnj->pn", moves, belief.spread, moves)

    def factor(self, belief: UserPosterior, batch: Batch) -> Tensor:
        moves = slope(self._moves(batch), belief.mean, self.link)
        found: Tensor = moves @ torch.linalg.cholesky(belief.spread)
        return found

    def fresh(self, count: int, deviation: float) -> nn.Parameter:
        """Random weights of the features (count, d) to begin with, none of everybody's own column."""
        return nn.Parameter(deviation * torch.randn(count, len(self.base)) * (self.base == 0.0))

    def _moves(self, batch: Batch) -> Tensor:
        return self.factors(batch.chosen) - self.factors(batch.rejected)
