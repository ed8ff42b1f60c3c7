"""What is not known of a person, as far as it shows in some pairs of responses.

    doubt = doubt_of_traits(model, pairs)        # TraitsModel after fit
    doubt = doubt_of_learned(model, pairs)       # LearnedModel after fit
    doubt.probabilities                          # of each pair, that the first response is preferred (n,)
    doubt.after(3).variance                      # as it is expected to be once pair 3 is answered

The margins of all pairs are m + F z with z ~ N(0, I): m is the best guess, a row of F how a margin hangs on what is not
known, so that F Fᵀ is the covariance of the margins. Whatever a model believes of a person comes to this, and whoever
asks needs no more. With t the traits of a pair and S the covariance of the person's weights, F = t chol(S).
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
        margin: log-odds that the first response of each pair is preferred, at the best guess (n,).
        reach: F (n, r).
        parts: the same of what the person's taste is made of (p, r); empty where that has no names.
        names: of these parts.
    """

    margin: Array
    factor: Array
    weight_factor: Array
    names: tuple[str, ...] = ()

    @property
    def variance(self) -> Array:
        """Of each margin (n,)."""
        found: Array = np.einsum("nr,nr->n", self.factor, self.factor)
        return found

    @property
    def probabilities(self) -> Array:
        """E σ(N(m, s²)) of each pair (n,), MacKay's approximation."""
        return sigmoid(maths.integrated(self.margin, self.variance))

    @property
    def gain_weight(self) -> Array:
        """Share that an answer takes from a variance, for each unit of squared covariance (n,).

        Once pair i is answered, the variance of anything x falls by cov(x, mᵢ)² wᵢ on average over both answers:

            w = (E σ')² / (P (1 − P)) = κ² P (1 − P),  P = E σ = σ(κ m),  κ = 1/√(1 + π/8 s²)

        by the law of total variance and Stein's lemma, exact but for MacKay's P. Laplace's 1/(s² + 1/σ'(m)), which
        leaves nothing of a large variance, forgets that an answer is one bit: w s² stays below 2/π.
        """
        p = self.probabilities
        found: Array = p * (1.0 - p) / (1.0 + np.pi / 8.0 * self.variance)
        return found

    def after(self, pair: int) -> MarginPosterior:
        """The doubt that is expected to be left by an answer; the margins stay where they are on average.

        F (I − β f fᵀ) with (1 − β|f|²)² = 1 − w|f|² has the covariance F Fᵀ − w (F f)(F f)ᵀ.
        """
        own, variance = self.factor[pair], float(self.variance[pair])
        if variance == 0.0:
            return self
        shrunk = own * (1.0 - np.sqrt(1.0 - float(self.gain_weight[pair]) * variance)) / variance
        factor, weight_factor = (one - np.outer(one @ own, shrunk) for one in (self.factor, self.weight_factor))
        return replace(self, factor=factor, weight_factor=weight_factor)


def normal_doubt(margin: Array, t: Array, covariance: Array, names: Sequence[str] = ()) -> MarginPosterior:
    """Of margins (n,) that hang on weights with this covariance (p, p) by t (n, p)."""
    try:
        root = np.asarray(np.linalg.cholesky(covariance), dtype=float)
    except np.linalg.LinAlgError:  # a variance of zero, or one lost to rounding
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
    return MarginPosterior(margin, t @ root, root, tuple(names))


def doubt_of_traits(model: TraitsModel, pairs: Sequence[Pair]) -> MarginPosterior:
    """By the posterior of the person's departure.

    All their choices count, also where their own weights are not used to predict (`person`): else the same would be
    asked for ever.
    """
    from personalrm.models.traits.prior import PERSONAL

    covariance = model.prior.covariance
    departure = np.zeros(len(covariance))
    if model.history is not None:
        departure, covariance = model.posterior(model.history)
    offset, t = model.differences(pairs)
    names = (*PERSONAL, "similarity to the message")[: len(covariance)]
    return normal_doubt(offset + t @ departure, t, covariance, names)


def doubt_of_learned(model: LearnedModel, pairs: Sequence[Pair]) -> MarginPosterior:
    """By what each member believes of the person, and by how far the members disagree."""
    from personalrm.models.learned.ensemble import infer

    batch = model.batch_of(pairs)
    return doubts_of_members(model, batch, model.beliefs or infer(model.members, batch.unknown()))[0]


def doubts_of_members(model: LearnedModel, batch: Batch, beliefs: Sequence[UserPosterior]) -> list[MarginPosterior]:
    """Of each person in the batch: members stand beside each other, each with its own doubt, then their differences."""
    import torch

    from personalrm.models.learned.ensemble import infer, predict_margins

    members, trust = model.members, model.trust
    heard = predict_margins(members, batch, beliefs)
    nothing = infer(members, batch.unknown())
    with torch.no_grad():
        held = list(zip(members, beliefs, nothing, strict=True))
        own = torch.stack([one.margins(each.mean, batch) - one.margins(none.mean, batch) for one, each, none in held])
        apart = (own - own.mean(0)).permute(1, 2, 0)
        factor = torch.cat([*(one.factor(each, batch) for one, each, _ in held), apart], -1) / len(members) ** 0.5
    margins = trust.everybody * heard.everybody + trust.person * heard.personal
    whole = trust.person * np.asarray(factor, dtype=float)
    return [
        MarginPosterior(margin, one, np.zeros((0, one.shape[1]))) for margin, one in zip(margins, whole, strict=True)
    ]


__getattr__ = renamed(__name__, {"Doubt": "MarginPosterior"})
