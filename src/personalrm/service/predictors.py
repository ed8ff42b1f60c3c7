"""Cache of open predictors, one per person and profile version.

    opened = predictors.ready(space, "ada")          # in a worker thread; learns new choices first if fast
    opened.version, opened.predictor

With a local engine a person's profile is updated before it predicts, so a choice counts as soon as it is stored. With a
model at an endpoint the newest existing profile predicts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from personalrm.errors import NotEnoughChoices
from personalrm.models.base import Predictor
from personalrm.models.registry import is_local
from personalrm.profile.records import Profile
from personalrm.service.asking import Clients
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
        self._clients, self._most, self._freshen = clients, most, freshen
        self._kept: OrderedDict[tuple[int, int], Opened] = OrderedDict()
        self._lock = threading.Lock()
        self._also: list[Callable[[int], None]] = []

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
        key = person.id, version
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        profile = space.profiles.weights(person, version)
        predictor = self._clients.of(space, person).open(profile)
        found = Opened(space, person, version, profile.model, profile.traits is not None, predictor)
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found

    def when_forgotten(self, work: Callable[[int], None]) -> None:
        """Register a function that is called with a person's id when everything cached for them is dropped."""
        self._also.append(work)

    def forget(self, person_id: int) -> None:
        """Drop everything cached for a person."""
        for one in self._also:
            one(person_id)
        with self._lock:
            for key in [one for one in self._kept if one[0] == person_id]:
                del self._kept[key]


def _nothing_yet(person: PersonState) -> Exception:
    if person.revision and person.is_stale:
        return later(409, "not-learned-yet", f"the first profile of '{person.name}' is being learned", 2.0)
    return NotEnoughChoices(
        f"'{person.name}' has no choice other than ties and no thumb: there is nothing to learn from"
    )
