"""A person's corrections of claims: stored, applied, and their effect on predictions.

correct(service, space, "ada", claim.text, "wrong")
effect_of(service, space, "ada", claim.text, "wrong")        # before it is said
effect_between(service, space, "ada", 3)                     # of what was said since version 3
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.models.base import Predictor
from personalrm.preferences import Preference
from personalrm.profile.records import Claim
from personalrm.service.checking import probabilities
from personalrm.service.corrected import corrected, learnable, topic
from personalrm.service.predictors import Opened
from personalrm.service.problems import invalid
from personalrm.service.state import Service
from personalrm.store.corrections import Answer, Correction
from personalrm.store.store import SpaceStore

LATEST = 30
"""Number of choices whose predictions are compared."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Difference between the predictions of two profiles on a person's latest choices.

    Attributes:
        choices: number of choices predicted by both.
        flipped: number of them whose predicted winner differs.
        change: mean absolute change of the probability.
        most: the choice with the largest change, with its probability before and after; None if no choice was
            predicted by both.
    """

    choices: int
    flipped: int
    change: float
    most: tuple[Preference, float, float] | None


def correct(
    service: Service, space: SpaceStore, user: str, claim: str, verdict: Answer, note: str | None = None
) -> Correction:
    """Store a person's correction of a claim of their persona. Problem 422 if the persona has no such claim."""
    opened = service.predictors.ready(space, user)
    known = _claim(space, opened, claim)
    return space.corrections.add(user, known, verdict, opened.version, note, service.new_choice)


def effect_of(service: Service, space: SpaceStore, user: str, claim: str, verdict: Answer) -> Effect | None:
    """The effect a correction would have; None if computing it would need calls to a model."""
    opened = service.predictors.ready(space, user)
    known = _claim(space, opened, claim)
    if not (opened.is_embedded and service.clients.is_local):
        return None
    said = [one for one in space.corrections.list(opened.person) if topic(one.claim) != topic(known.text)]
    said.append(Correction(0, known.text, verdict, known.supporting, known.opposing, None, opened.version, 0.0))
    everything = space.history.learnable(opened.person)
    learned = learnable(everything, said)
    latest = [one.preference for one in everything.choices if not one.preference.tie][-LATEST:]
    if not learned.history.decided or not latest:
        return None
    client = service.clients.of(space, opened.person)
    after = client.open(corrected(client.fit(learned.history), said))
    return effect(opened.predictor, after, latest)


def effect_between(service: Service, space: SpaceStore, user: str, version: int) -> Effect | None:
    """The effect since a version; None if that version is in use, or comparing would need calls to a model."""
    now = service.predictors.ready(space, user)
    if version >= now.version:
        return None
    before = service.predictors.version(space, now.person, version)
    if not (now.is_embedded and before.is_embedded):
        return None
    everything = space.history.learnable(now.person).choices
    latest = [one.preference for one in everything if not one.preference.tie][-LATEST:]
    return effect(before.predictor, now.predictor, latest)


def effect(before: Predictor, after: Predictor, choices: Sequence[Preference]) -> Effect:
    """Difference between two predictors on these choices."""
    given = [probabilities(one, choices) for one in (before, after)]
    both = [(one, p, q) for one, p, q in zip(choices, *given, strict=True) if p is not None and q is not None]
    if not both:
        return Effect(0, 0, 0.0, None)
    changes = np.array([abs(q - p) for _, p, q in both])
    flipped = sum((p > 0.5) != (q > 0.5) for _, p, q in both)
    return Effect(len(both), flipped, float(changes.mean()), both[int(changes.argmax())])


def _claim(space: SpaceStore, opened: Opened, text: str) -> Claim:
    """The claim of the persona, or a claim that was corrected before."""
    persona = opened.profile().persona
    claims = persona.claims if persona is not None else ()
    said = [Claim(one.claim, one.supporting, one.opposing) for one in space.corrections.list(opened.person)]
    known = {topic(one.text): one for one in [*said, *claims]}.get(topic(text))
    if known is None:
        raise invalid("claim", "the persona has no such claim", "take a claim's text from GET …/persona")
    return known
