"""Whether a new profile predicts the latest choices worse than the one in use did.

Both predict the same choices without having learned from them: the one in use when they came in, the new one from all
earlier choices. The mean difference of log loss decides, together with a Bayesian bootstrap over the choices: a new
profile counts as worse if it loses more than 0.02 nats a choice and the bootstrap is 80 % sure of the sign. Two equal
profiles are told apart by chance in fewer than one of five checks; a profile that was kept aside can be put in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from personalrm.data.shares import shares
from personalrm.models.base import Predictor
from personalrm.models.worker import blocking
from personalrm.preferences import Preference
from personalrm.profile.records import Profile
from personalrm.stats.metrics import log_loss

LEAST = 4
"""Choices below which nothing is compared."""
MARGIN, SURE = 0.02, 0.8
_DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Check:
    """How a new profile compares with the one in use.

    Attributes:
        choices: how many were predicted by both.
        in_use, new: mean log loss, nats a choice; None where nothing was compared.
        worse: probability that the new one is worse; None likewise.
        is_worse: whether it is kept aside.
        why: in one sentence.
    """

    choices: int
    in_use: float | None
    new: float | None
    worse: float | None
    is_worse: bool
    why: str

    @classmethod
    def impossible(cls, choices: int) -> Check:
        """Too few choices that the profile in use predicted before it knew them."""
        why = f"not compared: {choices} choices were predicted before they were known, {LEAST} are needed"
        return cls(choices, None, None, None, False, why)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def compare(
    in_use: Sequence[float | None], new: Sequence[float | None], choices: Sequence[Preference] | None = None
) -> Check:
    """From the probabilities that both gave to the responses that were chosen; None where one gave none.

    ``choices`` are those that were predicted: the pairs of one ranking count as one choice.
    """
    parts = [1.0] * len(in_use) if choices is None else shares(choices)
    given = zip(in_use, new, parts, strict=True)
    both = [(old, now, part) for old, now, part in given if old is not None and now is not None]
    if len(both) < LEAST:
        return Check.impossible(len(both))
    old, now, counts = np.array(both).T
    losses = np.array([[log_loss(np.array([p])) or 0.0 for p in one] for one in (old, now)])
    more = losses[1] - losses[0]
    weights = np.random.default_rng(0).standard_exponential((_DRAWS, len(more)))
    sure = float(np.mean((weights * counts) @ more > 0))
    old_loss, new_loss = (float(np.average(one, weights=counts)) for one in losses)
    worse = bool(new_loss - old_loss > MARGIN and sure >= SURE)
    said = "worse than" if worse else "no worse than"
    why = f"on the latest {len(both)} choices the new profile predicts {said} the one in use"
    return Check(len(both), old_loss, new_loss, sure, worse, why)


def probabilities(predictor: Predictor, choices: Sequence[Preference]) -> list[float | None]:
    """The probability given to the chosen response of each; asked in an order that does not depend on it."""
    pairs = [(one.context, *one.shown()) for one in choices]
    verdicts = blocking(predictor.compare_many)(pairs)
    return [
        None if found.probability is None else found.probability if one.chosen_first() else 1.0 - found.probability
        for one, found in zip(choices, verdicts, strict=True)
    ]


def has_newest_prior(profile: Profile) -> bool:
    """Whether an embedded profile was fitted with the prior that this package ships; true of other engines."""
    if profile.traits is None:
        return True
    from personalrm.models.traits import TraitsModel

    shipped = TraitsModel.shipped(encoder=profile.model.endswith("+encoder"))
    return TraitsModel.behind_profile(profile).prior is shipped.prior
