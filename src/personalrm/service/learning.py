"""Fits a person's profile to the stored choices: an update with the newest choices, and a later refit with all of them.

An *update* adds the newest choices with the engine and prior of the profile in use, which has predicted them before;
these predictions measure its accuracy. A *refit* fits all choices. If its result can differ from the profile in use by
more than the new choices (a model at an endpoint, a new prior, a new package version), it is first fitted without the
latest choices and must predict them no worse than the profile in use did before it learned them. A refit that predicts
worse is kept aside and shown (see `checking`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from personalrm.client import Client
from personalrm.errors import StoreConflict
from personalrm.models.encoders.store import default_path as path_of_vectors
from personalrm.models.encoders.store import forget_texts
from personalrm.preferences import History
from personalrm.profile.records import Profile
from personalrm.profile.spend import Spend
from personalrm.service import checking
from personalrm.service.asking import Clients
from personalrm.service.checking import Check
from personalrm.service.corrected import corrected, learnable
from personalrm.store.corrections import Correction
from personalrm.store.erasures import ExternalData
from personalrm.store.history import Learnable
from personalrm.store.jobs import Job, Work
from personalrm.store.people import PersonState
from personalrm.store.predictions import Prediction, prediction_of
from personalrm.store.profiles import NewVersion, Version
from personalrm.store.store import SpaceStore

LATEST = 12
"""Number of choices on which a refit is compared with the profile in use."""
KNOWN = 8
"""From this number of choices on, the embedded engine adds new choices by a posterior update and refits later."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a job: the saved version, if any, and its cost."""

    saved: Version | None
    spend: Spend | None = None


class Learner:
    """See the module's docstring. Thread-safe for different people.

    Args:
        clients: fit and predict.
        afterwards: the job to add after an update.
    """

    def __init__(self, clients: Clients, afterwards: Work) -> None:
        self._clients, self._afterwards = clients, afterwards

    def update(self, space: SpaceStore, person: PersonState, job: Job) -> Outcome:
        """Learn the newest choices, or fit the first profile."""
        if not person.is_stale:  # another worker has learned them
            space.jobs.finish(job, self._afterwards)
            return Outcome(None)
        learned, said = _data(space, person)
        if not self._can_learn(learned):
            space.profiles.nothing_to_learn(person, learned.revision, job)
            return Outcome(None)
        known = self._known(space, person, learned)
        made = self._predicted(space, person, known, learned)
        quick = None if known is None or said or known[0].is_corrected else _posterior_update(known[1], learned)
        if quick is not None:
            new = NewVersion(quick, learned, "update", checked={"approximate": True}, predictions=made)
            return Outcome(_saved(space, person, new, job, self._afterwards))
        fitted = self._fit(self._clients.of(space, person), learned.history, known[1] if known else None)
        new = NewVersion(corrected(fitted, said), learned, "update", checked=_noted(said), predictions=made)
        return Outcome(_saved(space, person, new, job, self._afterwards), fitted.spend)

    def refit(self, space: SpaceStore, person: PersonState, job: Job) -> Outcome:
        """Fit all choices, unless the result would equal the profile in use."""
        learned, said = _data(space, person)
        if not self._can_learn(learned):
            space.profiles.nothing_to_learn(person, learned.revision, job)
            return Outcome(None)
        known = self._known(space, person, learned)
        if known is not None and self._is_same(known, learned, person):
            space.jobs.finish(job)
            return Outcome(None)
        made = self._predicted(space, person, known, learned)
        fitted, check, cost = self._checked(space, person, learned, known, made)
        checked = {**check.as_json(), **_noted(said)}
        new = NewVersion(corrected(fitted, said), learned, "refit", check.is_worse, checked, made)
        return Outcome(_saved(space, person, new, job), cost)

    def _can_learn(self, learned: Learnable) -> bool:
        """Whether there is data to fit: the embedded engine can fit thumbs alone, a judge needs choices."""
        history = learned.history
        return bool(history.decided or (self._clients.is_local and history.thumbs))

    def _known(self, space: SpaceStore, person: PersonState, learned: Learnable) -> tuple[Version, Profile] | None:
        if person.active_version is None:
            return None
        version = space.profiles.version(person, person.active_version)
        return version, space.profiles.load(person, person.active_version, learned)

    def _predicted(
        self, space: SpaceStore, person: PersonState, known: tuple[Version, Profile] | None, learned: Learnable
    ) -> list[Prediction]:
        """Predictions of the profile in use for the choices it has not learned and that are not excluded."""
        if known is None:
            return []
        version = known[0]
        numbers = space.predictions.unlearned(person, version.last_number)
        stored = space.history.by_number(person, numbers)
        new = [stored[number] for number in numbers if number in stored and learned.counting.counts(number)]
        if not new:
            return []
        predictor = self._clients.of(space, person).open(known[1])
        given = checking.probabilities(predictor, [one.preference for one in new])
        return [prediction_of(one, version.version, p) for one, p in zip(new, given, strict=True)]

    def _fit(self, client: Client, history: History, known: Profile | None) -> Profile:
        """Fit; an earlier profile of the same model is reused where possible."""
        if known is None or known.model != self._clients.model:
            return client.fit(history)
        now = {one.id for one in history}
        kept = replace(known, history=known.history.only(one for one in known.history if one.id in now))
        if not kept.history.choices and not kept.history.thumbs:
            return client.fit(history)
        return replace(client.update(kept, history), history=history)

    def _is_same(self, known: tuple[Version, Profile], learned: Learnable, person: PersonState) -> bool:
        """Whether the engine is local and would produce the profile in use again."""
        version, profile = known
        if (
            not self._clients.is_local
            or profile.model != self._clients.model
            or person.active_revision != learned.revision
        ):
            return False
        if version.checked.get("approximate"):
            return False
        return version.revision == learned.revision and checking.has_newest_prior(profile)

    def _checked(
        self,
        space: SpaceStore,
        person: PersonState,
        learned: Learnable,
        known: tuple[Version, Profile] | None,
        made: Sequence[Prediction],
    ) -> tuple[Profile, Check, Spend]:
        """The new profile, its comparison with the profile in use on the latest choices, and its cost."""
        predicted = {one.number: one for one in [*space.predictions.of_person(person, LATEST), *made]}
        latest = [one for one in learned.choices if one.number in predicted][-LATEST:]
        held = {one.preference.id for one in latest}
        earlier = learned.history.only(one for one in learned.history if one.id not in held)
        before = known[1] if known is not None else None
        client = self._clients.of(space, person)
        if known is None or len(latest) < checking.LEAST or not earlier.decided:
            fitted = client.fit(learned.history)
            return fitted, Check.impossible(len(latest)), fitted.spend
        candidate = self._fit(client, earlier, None if self._clients.is_local else before)
        check = checking.compare(
            [predicted[one.number].probability for one in latest],
            checking.probabilities(client.open(candidate), [one.preference for one in latest]),
            [one.preference for one in latest],
        )
        fitted = self._fit(client, learned.history, None if self._clients.is_local else candidate)
        return fitted, check, candidate.spend + fitted.spend


def _data(space: SpaceStore, person: PersonState) -> tuple[Learnable, list[Correction]]:
    """The choices to fit on, and the corrections.

    The corrections are read after the revision of the choices. One stored in between is then applied although the
    revision does not include it, and applied again by its own job; in the other order it would be lost.
    """
    everything = space.history.learnable(person)
    said = space.corrections.list(person)
    return learnable(everything, said), said


def _saved(
    space: SpaceStore, person: PersonState, new: NewVersion, job: Job, then: Work | None = None
) -> Version | None:
    """Save the version; if the person was erased meanwhile, remove the vectors that fitting has cached since."""
    try:
        return space.profiles.save(person, new, job, then)
    except StoreConflict:
        if space.people.by_id(person.id) is None:
            forget_texts(path_of_vectors(), ExternalData((), new.learned.history).texts)
        raise


def _noted(said: Sequence[Correction]) -> dict[str, Any]:
    """The corrections a version includes; if one was withdrawn since, a full fit is needed."""
    return {"corrections": [one.id for one in said]} if said else {}


def _posterior_update(known: Profile, learned: Learnable) -> Profile | None:
    """The profile in use plus the new choices, by a posterior update; None if that is not possible."""
    if known.traits is None or len(known.history) < KNOWN or known.history.thumbs != learned.thumbs:
        return None
    knew = {one.id for one in known.history}
    new = [one for one in learned.history if one.id not in knew]
    if len(new) + len(knew) != len(learned.choices):
        return None  # a learned choice was removed, which an update cannot undo
    from personalrm.models.traits.online import learned_more

    found = learned_more(known, new)
    return replace(found, history=learned.history)
