"""Changes of a person's taste over time: when, in which traits, and the profile versions before and after.

    tastes = Tastes(predictors)
    found = tastes.of(space, "ada")                  # in a worker thread
    found.changes[0].when, found.changes[0].said     # "2026-05-03", "… towards bullet points …"

The result depends only on the choices that count, so excluding or restoring a choice changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from personalrm.errors import DataError
from personalrm.formatting.texts import listed
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.changes import FALSE_ALARMS, TasteChange, taste_changes
from personalrm.models.traits.wording import in_words
from personalrm.service.person_cache import PersonCache
from personalrm.service.predictors import Predictors
from personalrm.store.history import Learnable
from personalrm.store.jobs import Work
from personalrm.store.profiles import Version
from personalrm.store.records import StoredChoice
from personalrm.store.store import SpaceStore

if TYPE_CHECKING:
    from personalrm.models.engines import LocalPredictor

Word = Literal["keep", "return"]
_KEPT = 1024
_VERSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """A change of taste, for display.

    Attributes:
        when: day of the first choice after the change; ``earliest`` and ``latest`` are its 80 % credible interval.
        choice: id of that choice. noticed: day on which there were enough choices to detect the change.
        traits: trait, and the person's weight of it before and after, in log-odds per standard unit.
        said: description in one sentence.
        version_before, version_now: profile versions; None before the first version.
        kept: whether the person has confirmed the change.
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
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Taste:
    """All changes, oldest first, and the number of decided choices tested.

    ``left_out``: number of choices excluded because the person returned to an earlier taste, made between the days
    ``left_out_from`` and ``left_out_to``.
    """

    changes: tuple[Change, ...]
    choices: int
    tested: bool
    left_out: int = 0
    left_out_from: str | None = None
    left_out_to: str | None = None
    false_alarms: float = FALSE_ALARMS

    def as_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)


class _Place(NamedTuple):
    """A decided choice, without its texts."""

    number: int
    id: str
    day: str


class _Found(NamedTuple):
    changes: list[TasteChange]
    places: list[_Place]
    kept: frozenset[str]
    left_out: list[str]
    """Days of the excluded choices, in order."""


class Tastes:
    """See the module's docstring. Thread-safe."""

    def __init__(self, predictors: Predictors) -> None:
        self._predictors = predictors
        self._kept = PersonCache[_Found](_KEPT)
        predictors.register(self._kept)

    def of(self, space: SpaceStore, user: str) -> Taste:
        """The person's changes; ``tested`` is False if the profile in use is not of the embedded engine."""
        person = space.people.require(user)
        if person.active_version is None:
            return Taste((), 0, tested=False)
        opened = self._predictors.of(space, person)
        if not opened.is_embedded:
            has_returned = space.history.counting(person).left_out
            days = [_day(one) for one in space.history.learnable(person).left_out] if has_returned else []
            return Taste((), person.choices - len(days), tested=False, **_out(days))
        known = self._kept.get(person.id, person.revision)
        if known is None:
            local: LocalPredictor = opened.predictor  # type: ignore[assignment]
            learned = space.history.learnable(person)
            known = _found(local.model, learned)  # type: ignore[arg-type]
            self._kept.keep(person.id, learned.revision, known)  # which may be a later one than the person's
        out = _out(known.left_out)
        if not known.changes:
            return Taste((), len(known.places), tested=True, **out)
        versions = [one for one in space.profiles.versions(person, _VERSIONS) if one.state != "aside"]
        shown = tuple(_shown(one, known, versions, person.active_version) for one in known.changes)
        return Taste(shown, len(known.places), tested=True, **out)

    def answer(self, space: SpaceStore, user: str, word: Word, choice: str | None, work: Work) -> None:
        """Apply the person's answer to the change that starts with this choice.

        Args:
            space, user: the person.
            word: ``return`` to the taste before the change; ``keep`` the change and count every choice.
            choice: id, as in `Change.choice`; None, with ``keep`` only, counts every choice.
            work: the learning job to add.

        Raises:
            UnknownPerson, DataError: no such person, no profile yet, or no such change.
        """
        change = None if choice is None and word == "keep" else self._change(space, user, choice or "")
        if change is None or word == "keep":
            space.returns.keep(user, choice, work)
            return
        person = space.people.require(user)
        made = space.history.learnable(person).choices
        first = next((at for at, one in enumerate(made) if one.preference.id == choice), None)
        if first is None:  # it was forgotten in the meantime
            raise _no_change(user, choice)
        space.returns.go_back(user, {one.number for one in made[first:]}, change.version_before, work)

    def _change(self, space: SpaceStore, user: str, choice: str) -> Change:
        found = next((one for one in self.of(space, user).changes if one.choice == choice), None)
        if found is None:
            raise _no_change(user, choice)
        return found


def _no_change(user: str, choice: str | None) -> DataError:
    return DataError(f"'{user}' has no change of taste that starts with the choice '{(choice or '')[:100]}'")


def _found(model: TraitsModel, learned: Learnable) -> _Found:
    decided = [one for one in learned.choices if not one.preference.tie]
    found = taste_changes(model, [one.preference for one in decided])
    places = [_Place(one.number, one.preference.id, _day(one)) for one in decided]
    return _Found(found, places, frozenset(learned.counting.kept), [_day(one) for one in learned.left_out])


def _out(days: Sequence[str]) -> dict[str, Any]:
    """The `Taste` fields for excluded choices of these days, in order."""
    return {"left_out": len(days), "left_out_from": days[0], "left_out_to": days[-1]} if days else {}


def _day(one: StoredChoice) -> str:
    return (one.preference.time or "")[:10]


def _shown(one: TasteChange, known: _Found, versions: Sequence[Version], now: int) -> Change:
    places = known.places
    first = places[one.at]
    when, earliest, latest, noticed = (places[at].day for at in (one.at, one.earliest, one.latest, one.noticed - 1))
    before = next((each.version for each in versions if each.last_number < first.number), None)
    towards = listed([in_words(each.trait, more=each.z > 0) for each in one.traits])
    said = (
        f"Your taste seems to have changed on {when} (between {earliest} and {latest}): since then towards {towards}."
    )
    traits = tuple({"trait": each.trait, "before": each.before, "after": each.after} for each in one.traits)
    return Change(when, earliest, latest, noticed, first.id, traits, said, before, now, first.id in known.kept)
