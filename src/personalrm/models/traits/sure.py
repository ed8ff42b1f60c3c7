"""Answering only when sure: thresholds of confidence, calibrated on the people that a prior was learned from.

    known = calibrate(probability, person)                     # of the preferred response, by weights of other folds
    answered_if_sure(verdict, profile, "traits", 0.25)        # the verdict; unscored where it is not sure enough

The guarantee is that of `stats.selective`: with probability 0.9 over the calibration people the share of wrong answers
is at most the one asked for, for people who are exchangeable with them and choose between texts that the population has
not judged. Everything that predicts a person in the calibration is learned from others: the population's weights from
the other folds, how people differ from the other two thirds of the people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalrm.errors import DataError, ProfileError
from personalrm.preferences import Verdict
from personalrm.profile.records import Profile
from personalrm.stats.selective import SureThreshold, sure_threshold

RISKS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
"""Shares of wrong answers for which a threshold is looked for; one in between is held by the next lower one."""

Thresholds = tuple[SureThreshold, ...]
_NUMBERS = ("risk", "threshold", "coverage", "observed")


def calibrate(
    probability: NDArray[np.float64], person: NDArray[np.intp], weight: NDArray[np.float64] | None = None
) -> Thresholds:
    """A threshold for each risk that can be promised, by ascending risk.

    Args:
        probability: of the preferred response, of people that were not learned from (n,).
        person: whose choice each is (n,).
        weight: how much each pair counts among those of its person (n,); None: equally.
    """
    found = (sure_threshold(probability, person, risk, weight=weight) for risk in RISKS)
    return tuple(one for one in found if one is not None)


def as_json(known: Thresholds) -> list[dict[str, float | int]]:
    """Plain numbers, four significant digits."""
    return [{**{name: float(f"{getattr(one, name):.4g}") for name in _NUMBERS}, "people": one.people} for one in known]


def from_json(state: Sequence[Mapping[str, Any]]) -> Thresholds:
    """Raises KeyError, TypeError or ValueError if a part is missing, out of range or no number."""
    found = tuple(
        SureThreshold(people=int(one["people"]), **{name: float(one[name]) for name in _NUMBERS}) for one in state
    )
    for one in found:
        if not (0.0 < one.risk < 1.0 and 0.5 <= one.threshold <= 1.0 and 0.0 <= one.coverage <= 1.0):
            raise ValueError(f"threshold of confidence {one.threshold} for a risk of {one.risk}")
    return found


def answered_if_sure(verdict: Verdict, profile: Profile, model: str, risk: float) -> Verdict:
    """The verdict; unscored where it is less sure than a risk of at most ``risk`` allows.

    Raises:
        DataError: the risk is not between 0 and 0.5.
        ProfileError: the profile's prior promises no such risk, or another model answers.
    """
    if not 0.0 < risk < 0.5:
        raise DataError(f"--sure: expected a share of wrong answers between 0 and 0.5, found {risk:g}")
    known = _of_profile(profile, model)
    fitting = [one for one in known if one.risk <= risk + 1e-12]
    if not fitting:
        least = f"; {known[0].risk:g} is the least that it can" if known else ""
        raise ProfileError(f"the prior of this profile can promise no risk of {risk:g}{least}")
    needed = fitting[-1].threshold
    if verdict.probability is None:
        return verdict
    sure = max(verdict.probability, 1.0 - verdict.probability)
    if sure >= needed - 1e-12:
        return verdict
    why = (
        f"not sure enough: {sure:.2f} for the likelier response, {needed:.2f} needed to be wrong in {risk:.0%} at most"
    )
    return Verdict(None, verdict.reasoning, why)


def _of_profile(profile: Profile, model: str) -> Thresholds:
    """The thresholds in the profile's prior."""
    if profile.traits is None or model not in ("traits", "traits+encoder"):
        raise ProfileError(
            f"--sure needs a model whose confidence was calibrated on people: traits, not {model} (compare its "
            "confidence on your own data with `personalrm bench`)"
        )
    state: Any = profile.traits.state
    try:
        return from_json(state["prior"].get("sure", ()))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProfileError(f"The trait weights of {profile.user} are damaged ({error!r}); fit again.") from error
