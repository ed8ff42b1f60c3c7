"""Updates a fitted profile without refitting: with new choices, or with the person's corrections of claims.

    learned_more(profile, [choice])          # posterior update with the new choices (milliseconds)
    without_claims(profile, [claim])         # sets the person's own weight in the claim's direction to zero

Claims and demonstrations stay unchanged until the next full fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from personalrm.models.traits.features import Array
from personalrm.models.traits.model import TraitsModel
from personalrm.preferences import History, Preference
from personalrm.profile.records import Claim, Profile

_SMALLEST = 1e-9


def learned_more(profile: Profile, choices: Sequence[Preference]) -> Profile:
    """The profile with more choices of the same person.

    The posterior N(m, C) of the profile is the prior of the new choices. This is exact except for a second Laplace
    approximation. The cost depends on the number of new choices only.

    Args:
        profile: fitted by the embedded engine.
        choices: choices that are not in its history.

    Raises:
        ProfileError: the profile is from another engine, or is damaged.
    """
    model = TraitsModel.from_profile(profile)
    decided = [one for one in choices if not one.tie]
    mean, spread = model.departure, model.covariance
    if decided:
        evidence = model.evidence_of(History(profile.user, tuple(decided))).shifted(mean)
        moved, spread = evidence.posterior(_definite(spread))
        mean = mean + moved
    history = profile.history.only([*profile.history, *choices], profile.history.thumbs)
    learned = replace(model, departure=mean, covariance=spread, history=history)
    training = (*profile.training, *(one.id for one in decided))
    return replace(_with_weights(profile, learned), history=history, training=training)


def without_claims(profile: Profile, claims: Sequence[Claim]) -> Profile:
    """The profile with the person's own weights zeroed in the directions of these claims.

    A claim's direction is the mean difference of the choices it cites, with opposite sign for those against it. The
    posterior is conditioned on the person's departure in each direction being zero.

    Args:
        profile: fitted by the embedded engine.
        claims: claims whose cited choices are in its history.
    """
    model = TraitsModel.from_profile(profile)
    mean, spread = model.departure, model.covariance
    for one in claims:
        direction = _direction(model, profile, one)
        if direction is None:
            continue
        along = spread @ direction
        scale = float(direction @ along)
        if scale > _SMALLEST:
            mean = mean - along * (float(direction @ mean) / scale)
            spread = spread - np.outer(along, along) / scale
    return _with_weights(profile, replace(model, departure=mean, covariance=_definite(spread)))


def _direction(model: TraitsModel, profile: Profile, claim: Claim) -> Array | None:
    """Mean trait difference in the direction of the claim (p,); None if no cited choice exists."""
    cited = dict.fromkeys(claim.supporting, 1.0) | dict.fromkeys(claim.opposing, -1.0)
    choices = [one for one in profile.history if one.id in cited and not one.tie]
    if not choices:
        return None
    signs = np.array([cited[one.id] for one in choices])
    found: Array = (model.evidence(choices).t * signs[:, None]).mean(axis=0)
    return found


def _definite(covariance: Array) -> Array:
    """Make the matrix symmetric and positive definite, in case rounding or conditioning left a direction without
    variance."""
    return (covariance + covariance.T) / 2.0 + _SMALLEST * np.eye(len(covariance))


def _with_weights(profile: Profile, model: TraitsModel) -> Profile:
    """The profile with the weights of this model; its texts stay unchanged."""
    fresh = replace(model, person=None).profile(profile.options)
    return replace(profile, engine=fresh.engine, fingerprint=fresh.fingerprint)
