"""Checks whether a new profile predicts the latest choices worse than the profile in use.

Both predict the same choices, and neither has been fitted on them: the profile in use predicted them on arrival, the
new one is fitted on all earlier choices. The test uses the mean difference of log loss and a Bayesian bootstrap over
the choices: a new profile is worse if it loses more than 0.02 nats per choice and the bootstrap gives the sign a
probability of 80 %. Two equal profiles fail fewer than one check in five. A rejected profile can be put in use by hand.
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
"""Minimum number of choices for a comparison."""
MARGIN, SURE = 0.02, 0.8
_DRAWS = 4000


@dataclass(frozen=True, slots=True)
class Check:
    """Comparison of a new profile with the profile in use.

    Attributes:
        choices: number of choices predicted by both.
        in_use, new: mean log loss in nats per choice; None if nothing was compared.
        worse: probability that the new profile is worse; None if nothing was compared.
        is_worse: whether the new profile is kept aside.
        why: the result in one sentence.
    """

    choices: int
    in_use: float | None
    new: float | None
    worse: float | None
    is_worse: bool
    why: str

    @classmethod
    def impossible(cls, choices: int) -> Check:
        """The result for too few choices with a prediction of the profile in use."""
        why = f"not compared: {choices} choices have a prediction made before they were learned, {LEAST} are needed"
        return cls(choices, None, None, None, False, why)

    def as_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)


def compare(
    in_use: Sequence[float | None], new: Sequence[float | None], choices: Sequence[Preference] | None = None
) -> Check:
    """Compare the probabilities that the two profiles gave to the chosen responses; None where one gave none.

    ``choices`` are the predicted choices: the pairs of one ranking count as one choice.
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
    """Probabilities of the chosen responses; the order of a pair in the request does not depend on the choice."""
    pairs = [(one.context, *one.shown()) for one in choices]
    verdicts = blocking(predictor.compare_many)(pairs)
    return [
        None if found.probability is None else found.probability if one.chosen_first() else 1.0 - found.probability
        for one, found in zip(choices, verdicts, strict=True)
    ]


def has_newest_prior(profile: Profile) -> bool:
    """Whether a profile of the embedded engine was fitted with this package's prior; True for other engines."""
    if profile.traits is None:
        return True
    from personalrm.models.traits import TraitsModel

    shipped = TraitsModel.shipped(encoder=profile.model.endswith("+encoder"))
    return TraitsModel.behind_profile(profile).prior is shipped.prior
