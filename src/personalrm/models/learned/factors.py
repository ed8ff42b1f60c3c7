"""Base class of LoRe, PAL and PReF: the personal reward is linear in a few user weights.

Training is episodic: some groups of a user's choices are known, the weights are inferred from these (`adapting`), and
the loss is that of the other groups, differentiated through the inference. Factors and prior are thus fitted to predict
well from a handful of choices. The papers instead fit a vector for each training user jointly with the factors;
``published`` does that. (PReF on PRISM, 3 seeds, log loss in nats on new people: population-level reward 0.5559,
published likelihood 0.5522, episodic 0.5498.)
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn

from personalrm.models.learned.adapting import Link, Normal, laplace_posterior, slope, weights_of
from personalrm.models.learned.method import Method, UserPosterior, masked_log_loss, moderated
from personalrm.models.learned.people import Batch


class Factors(Method):
    """A method whose user parameter is a vector of weights.

    Args:
        base: weights of the population-level reward (d,).
        people: number of training users.
        count: weights per user.
        link: how weights come from the latent vector.
        prior_std: initial standard deviation of the latent vector over users.
        published: fit a vector for each training user.
    """

    def __init__(self, base: Tensor, people: int, count: int, link: Link, prior_std: float, published: bool) -> None:
        super().__init__(base)
        self.link: Link = link
        self._people = people
        self.stores_users = published
        self.centre = nn.Parameter(torch.zeros(count), requires_grad=not published)
        self.log_variance = nn.Parameter(torch.full((count,), prior_std**2).log(), requires_grad=not published)
        if published:
            self.table = nn.Parameter(prior_std * torch.randn(people, count))

    @abstractmethod
    def factors(self, features: Tensor) -> Tensor:
        """Value of each factor for a response (…, k); the personal reward is their product with the user's weights."""

    @abstractmethod
    def penalty(self) -> Tensor:
        """Regularisation of the factors, nats over all users."""

    def loss(self, batch: Batch, progress: float, draw: torch.Generator) -> Tensor:
        held = self.penalty() * len(batch.known) / self._people
        if self.stores_users:
            latent = self.table[batch.person]
            held = held + 0.5 * (latent.square() / self.log_variance.exp()).sum()
            margins = self.margins(latent, batch)
        else:
            posterior = self.infer(batch)
            margins = moderated(self.margins(posterior.mean, batch), self.margin_variance(posterior, batch))
        return masked_log_loss(margins, batch.target_weight) + held / batch.target_weight.sum().clamp(min=1)

    def infer(self, batch: Batch) -> UserPosterior:
        prior = Normal(self.centre, self.log_variance.exp())
        return UserPosterior(
            *laplace_posterior(batch.differences @ self.base, self._moves(batch), batch.known_weight, prior, self.link)
        )

    def personal(self, mean: Tensor, features: Tensor) -> Tensor:
        return (self.factors(features) * weights_of(mean, self.link)[..., None, :]).sum(-1)

    def margin_variance(self, posterior: UserPosterior, batch: Batch) -> Tensor:
        """First-order: by the Jacobian of the margins at the mode."""
        moves = slope(self._moves(batch), posterior.mean, self.link)
        return torch.einsum("pni,pij,pnj->pn", moves, posterior.covariance, moves)

    def margin_factor(self, posterior: UserPosterior, batch: Batch) -> Tensor:
        moves = slope(self._moves(batch), posterior.mean, self.link)
        found: Tensor = moves @ torch.linalg.cholesky(posterior.covariance)
        return found

    def fresh(self, count: int, deviation: float) -> nn.Parameter:
        """Random initial weights of the features (count, d), zero in the column of the population-level reward."""
        return nn.Parameter(deviation * torch.randn(count, len(self.base)) * (self.base == 0.0))

    def _moves(self, batch: Batch) -> Tensor:
        return self.factors(batch.chosen) - self.factors(batch.rejected)
