"""Tests whether a person's preferences have changed, when, and in which traits, on choices in order of time.

    found = taste_changes(model, history.decided)
    found[0].at, found[0].traits[0].trait            # 34, "bullets": from the 35th choice on

The test is `stats.change_point`: at most 5 in 100 people whose preferences never change get an alarm, regardless of the
number of choices. It makes no assumption about the model, only that without a change all orders of a person's
conversations are equally likely; this does not hold if the topics they are asked about change over time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from personalrm.models.traits.fit import Array, sigmoid
from personalrm.models.traits.model import TraitsModel
from personalrm.models.traits.person import Evidence
from personalrm.models.traits.posterior import person_posterior, root_of
from personalrm.models.traits.prior import PERSONAL
from personalrm.preferences import Preference
from personalrm.stats.change_point import FALSE_ALARMS, ScoreTest, looks

__all__ = ["FALSE_ALARMS", "TasteChange", "TraitChange", "taste_changes"]
_NOTICEABLE = 2.0  # minimum difference, in standard errors, for a trait to be named
_MOST = 3


class TraitChange(NamedTuple):
    """A trait whose weight changed: weights before and after in log-odds per standard unit, and z of the change."""

    trait: str
    before: float
    after: float
    z: float


class TasteChange(NamedTuple):
    """A change of preferences.

    Attributes:
        at: position, among the decided choices, of the first one after the change.
        earliest, latest: its 80 % credible interval, as positions.
        noticed: number of decided choices at which the alarm was raised.
        level: probability of a false alarm at that test.
        traits: those that changed most, strongest first.
    """

    at: int
    earliest: int
    latest: int
    noticed: int
    level: float
    traits: tuple[TraitChange, ...]


def taste_changes(
    model: TraitsModel, choices: Sequence[Preference], false_alarms: float = FALSE_ALARMS, seed: int = 0
) -> list[TasteChange]:
    """All changes, oldest first; after an alarm only later choices are tested.

    Args:
        model: with the population's prior; a fitted person is ignored.
        choices: decided choices, in order of time.
        false_alarms: probability of any alarm for a person whose preferences never change.
        seed: random seed of the permutations.
    """
    if not choices:
        return []
    evidence = model.evidence(choices)
    keys = [one.group for one in choices]
    return changes_of(evidence, keys, model.prior.covariance, model.prior.personal_weights(), false_alarms, seed)


def changes_of(
    evidence: Evidence,
    keys: Sequence[str],
    covariance: Array,
    population: Array,
    false_alarms: float = FALSE_ALARMS,
    seed: int = 0,
) -> list[TasteChange]:
    """`taste_changes` of choices as features; ``keys`` are their conversations."""
    root, found, start, made = root_of(covariance), list[TasteChange](), 0, 0
    while True:
        for look in looks(len(keys), start, made, false_alarms):
            made += 1
            rows = slice(look.start, look.end)
            offset, t = evidence.offset[rows], evidence.t[rows]
            change = _test(offset, t @ root, keys[rows]).change(look.level, np.random.default_rng([seed, made]))
            if change is not None:
                traits = _traits(offset, t, change.at, covariance, population)
                at, earliest, latest = (look.start + one for one in change)
                found.append(TasteChange(at, earliest, latest, look.end, look.level, traits))
                start = look.end
                break
        else:
            return found


def _test(offset: Array, x: Array, keys: Sequence[str]) -> ScoreTest:
    """Scores of each choice at the posterior mode of all of them, with weights z ~ N(0, I)."""
    mode, _ = person_posterior(offset, x, np.ones(x.shape[1]))
    p = sigmoid(-(offset + x @ mode))
    return ScoreTest.of(p[:, None] * x, (x * (p * (1.0 - p))[:, None]).T @ x, keys)


def _traits(offset: Array, t: Array, at: int, covariance: Array, population: Array) -> tuple[TraitChange, ...]:
    """Traits whose weights differ between the choices before and after, by z."""
    names = (*PERSONAL, "similarity to the message")
    mode, _ = person_posterior(offset, t, covariance)
    p, share = sigmoid(-(offset + t @ mode)), at / len(t)
    contrast = (1.0 - share) * (p[:at, None] * t[:at]).sum(axis=0) - share * (p[at:, None] * t[at:]).sum(axis=0)
    information = share * (1.0 - share) * ((p * (1.0 - p))[:, None] * t * t).sum(axis=0)
    z = -contrast / np.sqrt(np.maximum(information, 1e-12))
    sides = [population + person_posterior(offset[one], t[one], covariance)[0] for one in (slice(at), slice(at, None))]
    order = [int(one) for one in np.argsort(-np.abs(z)) if information[one] > 1e-9][:_MOST]
    strong = [one for one in order if abs(z[one]) >= _NOTICEABLE] or order[:1]
    return tuple(TraitChange(names[one], float(sides[0][one]), float(sides[1][one]), float(z[one])) for one in strong)
