"""Has a person's taste changed, when, and in what? Tested on their own choices in the order of time.

    found = taste_changes(model, history.decided)
    found[0].at, found[0].traits[0].trait            # 34, "bullets": from the 35th choice on

The test is the one of `stats.change_point`: of people whose taste never changes, at most 5 in 100 ever see an alarm,
however many choices they make. It assumes of the model nothing, only that without a change any order of a person's
conversations is as likely as any other; if what they are asked changes at some time, that is not so.
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
_NOTICEABLE = 2.0  # standard errors by which the choices before and after differ in a trait that is named
_MOST = 3


class TraitChange(NamedTuple):
    """A trait that the person weighs differently since: weights in log-odds per standard unit, and z of the change."""

    trait: str
    before: float
    after: float
    z: float


class TasteChange(NamedTuple):
    """A change of taste.

    Attributes:
        at: position, among the decided choices, of the first one after the change.
        earliest, latest: positions between which it lies with a probability of 80 %.
        noticed: number of decided choices at which the alarm was raised.
        level: the chance of a false alarm at that look.
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
    """Every change, the oldest first; after an alarm only later choices are looked at.

    Args:
        model: with the population's prior; the person that it may have been fitted to is not used.
        choices: decided ones, in the order of time.
        false_alarms: chance that a person whose taste never changes ever sees one.
        seed: of the orders that are drawn.
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
    """`taste_changes` of choices that are read; ``keys`` say which belong together."""
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
    """What differs between the choices before and after: the person's weights on either side, by their z."""
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
