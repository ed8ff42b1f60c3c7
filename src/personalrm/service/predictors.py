"""Cache of open predictors, one per person and profile version.

    opened = predictors.ready(space, "ada")          # in a worker thread; learns new choices first if fast
    opened.version, opened.predictor

With a local engine a person's profile is updated before it predicts, so a choice counts as soon as it is stored. With a
model at an endpoint the newest existing profile predicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from personalrm.errors import NotEnoughChoices
from personalrm.models.base import Predictor
from personalrm.models.registry import is_local
from personalrm.profile.records import Profile
from personalrm.service.asking import Clients
from personalrm.service.person_cache import PersonCache
from personalrm.service.problems import later
from personalrm.store.people import PersonState
from personalrm.store.store import SpaceStore

Freshen = Callable[[SpaceStore, PersonState], PersonState]


@dataclass(frozen=True, slots=True)
class Opened:
    """A person's predictor and its source.

    Attributes:
        person: the person's state when it was opened.
        version: version of the profile.
        model: the model of the profile.
        is_embedded: whether that is the embedded engine.
        predictor: the open predictor.
    """

    space: SpaceStore
    person: PersonState
    version: int
    model: str
    is_embedded: bool
    predictor: Predictor

    @property
    def computes_here(self) -> bool:
        """Whether it predicts without a model at an endpoint."""
        return is_local(self.model)

    def profile(self) -> Profile:
        """The full profile, read from the store: it is not kept in memory, because predictors rarely need it."""
        return self.space.profiles.load(self.person, self.version)


class Predictors:
    """See the module's docstring. Thread-safe.

    Args:
        clients: open profiles.
        most: maximum number of open predictors.
        freshen: updates a person's profile if that takes milliseconds.
    """

    def __init__(self, clients: Clients, most: int, freshen: Freshen) -> None:
        self._clients, self._freshen = clients, freshen
        self._kept = PersonCache[Opened](most)
        self._caches: list[PersonCache[Any]] = [self._kept]

    def ready(self, space: SpaceStore, name: str) -> Opened:
        """The person's up-to-date predictor.

        Raises:
            UnknownPerson: the space has no person of that name.
            NotEnoughChoices: there are no choices to learn from. Problem 409: the first profile is still being fitted.
        """
        return self.of(space, self._freshen(space, space.people.require(name)))

    def maybe(self, space: SpaceStore, person: PersonState) -> Opened | None:
        """The person's predictor; None if they have no profile yet."""
        now = self._freshen(space, person)
        return None if now.active_version is None else self.of(space, now)

    def of(self, space: SpaceStore, person: PersonState) -> Opened:
        """The predictor of the profile in use."""
        if person.active_version is None:
            raise _nothing_yet(person)
        return self.version(space, person, person.active_version)

    def version(self, space: SpaceStore, person: PersonState, version: int) -> Opened:
        """The predictor of one profile version."""
        found = self._kept.get(person.id, version)
        if found is not None:
            return found
        profile = space.profiles.weights(person, version)
        predictor = self._clients.of(space, person).open(profile)
        found = Opened(space, person, version, profile.model, profile.traits is not None, predictor)
        self._kept.keep(person.id, version, found)
        return found

    def register(self, cache: PersonCache[Any]) -> None:
        """Add a cache of what was computed with predictors; `forget` empties it as well."""
        self._caches.append(cache)

    def people(self) -> set[int]:
        """Numbers of the people for whom something is cached."""
        return {one for cache in self._caches for one in cache.people()}

    def forget(self, person_id: int) -> None:
        """Drop everything cached for an erased person."""
        for one in self._caches:
            one.forget(person_id)


def _nothing_yet(person: PersonState) -> Exception:
    if person.revision and person.is_stale:
        return later(409, "not-learned-yet", f"the first profile of '{person.name}' is being learned", 2.0)
    return NotEnoughChoices(
        f"'{person.name}' has no choice other than ties and no thumb: there is nothing to learn from"
    )
