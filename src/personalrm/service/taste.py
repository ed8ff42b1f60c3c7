"""A person's taste over time: when it seems to have changed, in what, and which versions of the profile lie around it.

    tastes = Tastes(predictors)
    found = tastes.of(space, "ada")                  # in a worker thread
    found.changes[0].when, found.changes[0].said     # "2026-05-03", "… towards bullet points …"

What is found follows from the choices alone, so that a choice that is forgotten or restored counts here as well.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from personalrm.formatting.texts import listed
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.changes import FALSE_ALARMS, TasteChange, taste_changes
from personalrm.models.traits.wording import in_words
from personalrm.service.predictors import Predictors
from personalrm.store.profiles import Version
from personalrm.store.records import StoredChoice
from personalrm.store.store import SpaceStore

if TYPE_CHECKING:
    from personalrm.models.engines import LocalPredictor

_KEPT = 1024
_VERSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """A change of taste as it is shown.

    Attributes:
        when: day of the first choice after it; ``earliest`` and ``latest`` enclose it with a probability of 80 %.
        choice: id of that choice. noticed: day on which there were choices enough to see it.
        traits: trait, and the person's weight of it before and after, in log-odds per standard unit.
        said: in one sentence.
        version_before, version_now: of the profile; None before there was one.
    """

    when: str
    earliest: str
    latest: str
    noticed: str
    choice: str
    traits: tuple[dict[str, Any], ...]
    said: str
    version_before: int | None
    version_now: int | None


@dataclass(frozen=True, slots=True)
class Taste:
    """Every change, oldest first, among so many decided choices."""

    changes: tuple[Change, ...]
    choices: int
    tested: bool
    false_alarms: float = FALSE_ALARMS

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class _Place(NamedTuple):
    """A decided choice, without its texts."""

    number: int
    id: str
    day: str


class _Found(NamedTuple):
    changes: list[TasteChange]
    places: list[_Place]


class Tastes:
    """See the module's docstring. May be used from several threads."""

    def __init__(self, predictors: Predictors) -> None:
        self._predictors = predictors
        self._kept: OrderedDict[tuple[int, int], _Found] = OrderedDict()
        self._lock = threading.Lock()
        predictors.when_forgotten(self._forget)

    def of(self, space: SpaceStore, user: str) -> Taste:
        """Of this person; ``tested`` is false where the profile in use is none of the embedded engine."""
        person = space.people.require(user)
        if person.active_version is None:
            return Taste((), 0, tested=False)
        opened = self._predictors.of(space, person)
        if not opened.is_embedded:
            return Taste((), person.choices, tested=False)
        key = person.id, person.revision
        with self._lock:
            known = self._kept.get(key)
        if known is None:
            local: LocalPredictor = opened.predictor  # type: ignore[assignment]
            known = _found(local.model, space.history.learnable(person).choices)  # type: ignore[arg-type]
            self._keep(key, known)
        if not known.changes:
            return Taste((), len(known.places), tested=True)
        versions = [one for one in space.profiles.versions(person, _VERSIONS) if one.state != "aside"]
        shown = tuple(_shown(one, known.places, versions, person.active_version) for one in known.changes)
        return Taste(shown, len(known.places), tested=True)

    def _forget(self, person_id: int) -> None:
        with self._lock:
            for key in [one for one in self._kept if one[0] == person_id]:
                del self._kept[key]

    def _keep(self, key: tuple[int, int], found: _Found) -> None:
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


def _found(model: TraitsModel, choices: Sequence[StoredChoice]) -> _Found:
    decided = [one for one in choices if not one.preference.tie]
    found = taste_changes(model, [one.preference for one in decided])
    places = [_Place(one.number, one.preference.id, (one.preference.time or "")[:10]) for one in decided]
    return _Found(found, places)


def _shown(one: TasteChange, places: Sequence[_Place], versions: Sequence[Version], now: int) -> Change:
    first = places[one.at]
    when, earliest, latest, noticed = (places[at].day for at in (one.at, one.earliest, one.latest, one.noticed - 1))
    before = next((each.version for each in versions if each.last_number < first.number), None)
    towards = listed([in_words(each.trait, more=each.z > 0) for each in one.traits])
    said = (
        f"Your taste seems to have changed on {when} (between {earliest} and {latest}): since then towards {towards}."
    )
    traits = tuple({"trait": each.trait, "before": each.before, "after": each.after} for each in one.traits)
    return Change(when, earliest, latest, noticed, first.id, traits, said, before, now)
