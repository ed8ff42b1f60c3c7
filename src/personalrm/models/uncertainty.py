"""Posterior of the margins of some pairs of responses, for one user.

    posterior = traits_margin_posterior(model, pairs)     # TraitsModel after fit
    posterior = learned_margin_posterior(model, pairs)    # LearnedModel after fit
    posterior.probabilities                               # of each pair, that the first response is preferred (n,)
    posterior.after(3).variance                           # expected once pair 3 is answered

The margins of all pairs are m + F z with z ~ N(0, I): m is the posterior mean and F Fᵀ the posterior covariance. Every
model reduces to this posterior over margins; query selection uses nothing else. With t the traits of a pair and S the
covariance of the user's weights, F = t chol(S).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from personalrm.models.traits import fit as maths
from personalrm.models.traits.fit import Array, sigmoid
from personalrm.preferences import Pair
from personalrm.renamed import renamed

if TYPE_CHECKING:
    from personalrm.models.learned import LearnedModel
    from personalrm.models.learned.method import UserPosterior
    from personalrm.models.learned.people import Batch
    from personalrm.models.traits import TraitsModel


@dataclass(frozen=True, slots=True)
class MarginPosterior:
    """See the module's docstring.

    Attributes:
        margin: posterior mean of the log-odds that the first response of each pair is preferred (n,).
        factor: F (n, r).
        weight_factor: the same factor of the user's weights (p, r); empty where these have no names.
        names: of these weights.
    """

    margin: Array
    factor: Array
    weight_factor: Array
    names: tuple[str, ...] = ()

    @property
    def variance(self) -> Array:
        """Posterior variance of each margin (n,)."""
        found: Array = np.einsum("nr,nr->n", self.factor, self.factor)
        return found

    @property
    def probabilities(self) -> Array:
        """E σ(N(m, s²)) of each pair (n,), by MacKay's approximation."""
        return sigmoid(maths.integrated(self.margin, self.variance))

    @property
    def gain_weight(self) -> Array:
        """Share of a variance that an answer removes, per unit of squared covariance (n,).

        Once pair i is answered, the variance of any x falls by cov(x, mᵢ)² wᵢ on average over both answers:

            w = (E σ')² / (P (1 − P)) = κ² P (1 − P),  P = E σ = σ(κ m),  κ = 1/√(1 + π/8 s²)

        by the law of total variance and Stein's lemma, exact up to MacKay's P. The Laplace form 1/(s² + 1/σ'(m)) would
        let one answer remove nearly all of a large variance, although it carries one bit: here w s² stays below 2/π.
        """
        p = self.probabilities
        found: Array = p * (1.0 - p) / (1.0 + np.pi / 8.0 * self.variance)
        return found

    def after(self, pair: int) -> MarginPosterior:
        """The expected posterior after an answer; the mean does not change in expectation.

        F (I − β f fᵀ) with (1 − β|f|²)² = 1 − w|f|² has the covariance F Fᵀ − w (F f)(F f)ᵀ.
        """
        own, variance = self.factor[pair], float(self.variance[pair])
        if variance == 0.0:
            return self
        shrunk = own * (1.0 - np.sqrt(1.0 - float(self.gain_weight[pair]) * variance)) / variance
        factor, weight_factor = (one - np.outer(one @ own, shrunk) for one in (self.factor, self.weight_factor))
        return replace(self, factor=factor, weight_factor=weight_factor)


def normal_margin_posterior(margin: Array, t: Array, covariance: Array, names: Sequence[str] = ()) -> MarginPosterior:
    """For margins (n,) that are linear, with coefficients t (n, p), in weights of this covariance (p, p)."""
    try:
        root = np.asarray(np.linalg.cholesky(covariance), dtype=float)
    except np.linalg.LinAlgError:  # singular, or not positive definite after rounding
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
    return MarginPosterior(margin, t @ root, root, tuple(names))


def traits_margin_posterior(model: TraitsModel, pairs: Sequence[Pair]) -> MarginPosterior:
    """From the posterior of the user's offset from the population.

    All choices of the user count, even where prediction does not use their own weights (`person`): otherwise the same
    question would be selected again and again.
    """
    from personalrm.models.traits.prior import PERSONAL

    covariance = model.prior.covariance
    user_offset = np.zeros(len(covariance))
    if model.history is not None:
        user_offset, covariance = model.posterior(model.history)
    offset, t = model.differences(pairs)
    names = (*PERSONAL, "similarity to the message")[: len(covariance)]
    return normal_margin_posterior(offset + t @ user_offset, t, covariance, names)


def learned_margin_posterior(model: LearnedModel, pairs: Sequence[Pair]) -> MarginPosterior:
    """From each member's posterior of the user and the disagreement between members."""
    from personalrm.models.learned.ensemble import infer

    batch = model.batch_of(pairs)
    return member_margin_posteriors(model, batch, model.posteriors or infer(model.members, batch.without_known()))[0]


def member_margin_posteriors(
    model: LearnedModel, batch: Batch, posteriors: Sequence[UserPosterior]
) -> list[MarginPosterior]:
    """One posterior per user of the batch: the members' factors side by side, then the deviations of their means."""
    import torch

    from personalrm.models.learned.ensemble import infer, predict_margins

    members, calibrator = model.members, model.calibrator
    parts = predict_margins(members, batch, posteriors)
    unfitted = infer(members, batch.without_known())
    with torch.no_grad():
        held = list(zip(members, posteriors, unfitted, strict=True))
        own = torch.stack([one.margins(each.mean, batch) - one.margins(none.mean, batch) for one, each, none in held])
        apart = (own - own.mean(0)).permute(1, 2, 0)
        factor = (
            torch.cat([*(one.margin_factor(each, batch) for one, each, _ in held), apart], -1) / len(members) ** 0.5
        )
    margins = calibrator.population * parts.population + calibrator.person * parts.personal
    whole = calibrator.person * np.asarray(factor, dtype=float)
    return [
        MarginPosterior(margin, one, np.zeros((0, one.shape[1]))) for margin, one in zip(margins, whole, strict=True)
    ]


__getattr__ = renamed(
    __name__,
    {
        "Doubt": "MarginPosterior",
        "normal_doubt": "normal_margin_posterior",
        "doubt_of_traits": "traits_margin_posterior",
        "doubt_of_learned": "learned_margin_posterior",
        "doubts_of_members": "member_margin_posteriors",
    },
)
