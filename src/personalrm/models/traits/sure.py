"""Selective prediction: confidence thresholds, calibrated on the people that a prior was learned from.

    known = calibrate(probability, person)                     # out-of-fold probabilities of the preferred response
    answered_if_sure(verdict, profile, "traits", 0.25)        # the verdict, unscored below the threshold

The guarantee is that of `stats.selective`: with probability 0.9 over the calibration people, the error rate is at most
the requested risk, for people who are exchangeable with them and choose between texts that the population has not
judged. In the calibration each person is predicted only from other people: the population's weights are from the other
folds, the covariance between people from the other two thirds of the people.
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
"""Error rates for which thresholds are calibrated; for other rates the next lower one is used."""

Thresholds = tuple[SureThreshold, ...]
_NUMBERS = ("risk", "threshold", "coverage", "observed")


def calibrate(
    probability: NDArray[np.float64], person: NDArray[np.intp], weight: NDArray[np.float64] | None = None
) -> Thresholds:
    """Thresholds for the risks that can be guaranteed, by ascending risk.

    Args:
        probability: out-of-fold probability of the preferred response (n,).
        person: person of each choice (n,).
        weight: how much each pair counts among those of its person (n,); None: equally.
    """
    found = (sure_threshold(probability, person, risk, weight=weight) for risk in RISKS)
    return tuple(one for one in found if one is not None)


def as_json(known: Thresholds) -> list[dict[str, float | int]]:
    """JSON numbers with four significant digits."""
    return [{**{name: float(f"{getattr(one, name):.4g}") for name in _NUMBERS}, "people": one.people} for one in known]


def from_json(state: Sequence[Mapping[str, Any]]) -> Thresholds:
    """Raises KeyError, TypeError or ValueError if a part is missing, out of range or not a number."""
    found = tuple(
        SureThreshold(people=int(one["people"]), **{name: float(one[name]) for name in _NUMBERS}) for one in state
    )
    for one in found:
        if not (0.0 < one.risk < 1.0 and 0.5 <= one.threshold <= 1.0 and 0.0 <= one.coverage <= 1.0):
            raise ValueError(f"threshold of confidence {one.threshold} for a risk of {one.risk}")
    return found


def answered_if_sure(verdict: Verdict, profile: Profile, model: str, risk: float) -> Verdict:
    """The verdict, or an unscored one if its confidence is below the threshold for this risk.

    Args:
        verdict: the model's verdict.
        profile: the profile it was computed with.
        model: name of the model.
        risk: maximum error rate.

    Raises:
        DataError, ProfileError: as `needed_confidence`.
    """
    needed = needed_confidence(profile, model, risk)
    if verdict.probability is None:
        return verdict
    sure = max(verdict.probability, 1.0 - verdict.probability)
    if sure >= needed - 1e-12:
        return verdict
    rate = f"{100.0 * risk:.3g}%"
    why = f"not sure enough: probability {sure:.3f}, but an error rate of at most {rate} requires {needed:.3f}"
    return Verdict(None, verdict.reasoning, why)


def needed_confidence(profile: Profile, model: str, risk: float) -> float:
    """The threshold of confidence for this risk, in [0.5, 1].

    Raises:
        DataError: the risk is not between 0 and 0.5.
        ProfileError: the profile's prior cannot guarantee this risk, the model is not the embedded engine, or the
            profile is damaged.
    """
    if isinstance(risk, bool) or not isinstance(risk, (int, float)) or not 0.0 < risk < 0.5:
        raise DataError(f"--max-risk: expected a share of wrong answers between 0 and 0.5, found {risk!r:.40}")
    known = _of_profile(profile, model)
    fitting = [one for one in known if one.risk <= risk + 1e-12]
    if not fitting:
        least = f"; the lowest possible is {known[0].risk:g}" if known else ""
        raise ProfileError(f"the prior of this profile cannot guarantee an error rate of {risk:g}{least}")
    return fitting[-1].threshold


def _of_profile(profile: Profile, model: str) -> Thresholds:
    """The thresholds in the profile's prior."""
    if profile.traits is None or model not in ("traits", "traits+encoder"):
        raise ProfileError(
            f"--max-risk needs a model whose confidence was calibrated on people: traits, not {model} (compare its "
            "confidence on your own data with `personalrm bench`)"
        )
    state: Any = profile.traits.state
    try:
        return from_json(state["prior"].get("sure", ()))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProfileError(f"The trait weights of {profile.user} are damaged ({error!r}); fit again.") from error
