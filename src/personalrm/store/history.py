"""Reads a person's choices: as a history for fitting, by page, or by number.

history = space.history.learnable(person)            # oldest first, without forgotten choices
space.history.page(person, after=0, limit=100)
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from statistics import fmean

from sqlalchemy import ColumnElement

from personalrm.errors import UnknownRecord
from personalrm.preferences import History, Thumb
from personalrm.store import audit, erasures, jobs, people
from personalrm.store.counting import ALL, Counting, counting_of
from personalrm.store.jobs import Work
from personalrm.store.people import PersonState
from personalrm.store.records import StoredChoice, rated_thumb, stored_choice, stored_thumb
from personalrm.store.schema import choices, ratings, thumbs
from personalrm.store.schema import people as people_table
from personalrm.store.scope import AnyRow, Scope, SpaceTables

_NUMBERS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Learnable:
    """The data to fit a person's profile to, at one revision; ``choices`` oldest first.

    ``left_out`` are the choices that the person excluded (`Counting`); they are not used for fitting.
    """

    user: str
    revision: int
    choices: tuple[StoredChoice, ...]
    thumbs: tuple[Thumb, ...] = ()
    counting: Counting = ALL
    left_out: tuple[StoredChoice, ...] = ()

    @property
    def history(self) -> History:
        """The data in the engines' format."""
        return History(self.user, tuple(one.preference for one in self.choices), self.thumbs)

    @property
    def last_number(self) -> int:
        """Number of the choice that arrived last; 0 if there is none."""
        return max((one.number for one in self.choices), default=0)


class Histories(SpaceTables):
    """The choices of one space."""

    def learnable(self, person: PersonState) -> Learnable:
        """All choices that count and are not forgotten, by time and arrival, and their revision."""
        with self._read() as scope:
            return learnable_of(scope, person, counting_of(scope, person.id))

    def counting(self, person: PersonState) -> Counting:
        """Which choices the person excluded."""
        with self._read() as scope:
            return counting_of(scope, person.id)

    def page(self, person: PersonState, after: int = 0, limit: int = 100) -> list[StoredChoice]:
        """Choices in the order of arrival after the number ``after``, including forgotten ones."""
        with self._read() as scope:
            mine = choices.c.person_id == person.id, choices.c.id > after
            rows = scope.all(scope.select(choices).where(*mine).order_by(choices.c.id).limit(limit))
        return [stored_choice(row, person.name) for row in rows]

    def by_number(self, person: PersonState, numbers: Sequence[int]) -> dict[int, StoredChoice]:
        """The choices with these numbers that exist."""
        with self._read() as scope:
            return by_number(scope, person.id, person.name, numbers)

    def explain(self, name: str, source: str, external_id: str, reason: str | None, work: Work) -> bool:
        """Store the person's reason for a choice (None removes it); returns whether it changed.

        The choice's identity does not change: the same choice sent again is known.

        Raises:
            UnknownPerson, UnknownRecord: unknown person, or unknown choice of theirs.
        """
        with self._write() as scope:
            person = people.lock(scope, name)
            row, mine = _named(scope, person, source, external_id)
            if row.reason == reason:
                return False
            scope.run(scope.update(choices).where(*mine).values(reason=reason))
            people.changed(scope, person.id)
            jobs.request(scope, person.id, work)
            audit.write(scope, "explain", erasures.subject(scope, name), None)
            return True

    def one(self, person: PersonState, source: str, external_id: str) -> StoredChoice | None:
        """A choice by its identity, or None."""
        with self._read() as scope:
            row = scope.first(scope.select(choices).where(*_identity(person, source, external_id)))
        return None if row is None else stored_choice(row, person.name)

    def forget(self, name: str, source: str, external_id: str, *, forgotten: bool, work: Work) -> bool:
        """Exclude a choice from learning, or include it again; returns whether it changed.

        Raises:
            UnknownPerson, UnknownRecord: unknown person, or unknown choice of theirs.
        """
        with self._write() as scope:
            person = people.lock(scope, name)
            row, mine = _named(scope, person, source, external_id)
            if (row.forgotten is not None) == forgotten:
                return False
            scope.run(scope.update(choices).where(*mine).values(forgotten=time.time() if forgotten else None))
            people.changed(scope, person.id, -1 if forgotten else 1)
            jobs.request(scope, person.id, work)
            audit.write(scope, "forget" if forgotten else "restore", erasures.subject(scope, name), None)
            return True


def learnable_of(scope: Scope, person: PersonState, counting: Counting) -> Learnable:
    """The data to fit a person's profile to if these choices count."""
    revision = scope.value(scope.select(people_table, people_table.c.revision).where(people_table.c.id == person.id))
    mine = choices.c.person_id == person.id, choices.c.forgotten.is_(None)
    rows = scope.all(scope.select(choices).where(*mine).order_by(choices.c.time, choices.c.id))
    thumbed = thumbs_of(scope, person.id, person.name)
    stored = [stored_choice(row, person.name) for row in rows]
    made = tuple(one for one in stored if counting.counts(one.number))
    left_out = tuple(one for one in stored if not counting.counts(one.number)) if counting.left_out else ()
    return Learnable(person.name, revision or 0, made, thumbed, counting, left_out)


def _identity(person: PersonState, source: str, external_id: str) -> tuple[ColumnElement[bool], ...]:
    """The SQL conditions that select one choice of a person."""
    return choices.c.person_id == person.id, choices.c.source == source, choices.c.external_id == external_id


def _named(
    scope: Scope, person: PersonState, source: str, external_id: str
) -> tuple[AnyRow, tuple[ColumnElement[bool], ...]]:
    """A choice and the conditions that select it. UnknownRecord if it does not exist."""
    mine = _identity(person, source, external_id)
    row = scope.first(scope.select(choices, choices.c.forgotten, choices.c.reason).where(*mine))
    if row is None:
        raise UnknownRecord(f"'{person.name}' has no choice '{external_id}' of source '{source}'", "choice_id")
    return row, mine


def by_number(scope: Scope, person_id: int, user: str, numbers: Sequence[int]) -> dict[int, StoredChoice]:
    """The choices with these numbers that exist."""
    found: dict[int, StoredChoice] = {}
    for at in range(0, len(numbers), _NUMBERS_AT_ONCE):
        mine = choices.c.person_id == person_id, choices.c.id.in_(numbers[at : at + _NUMBERS_AT_ONCE])
        for row in scope.all(scope.select(choices).where(*mine)):
            found[row.id] = stored_choice(row, user)
    return found


def thumbs_of(scope: Scope, person_id: int, user: str) -> tuple[Thumb, ...]:
    """The latest thumb on each response, then those derived from single ratings (see `_thumbs_of_ratings`)."""
    rows = scope.all(scope.select(thumbs).where(thumbs.c.person_id == person_id).order_by(thumbs.c.id))
    rated = scope.all(scope.select(ratings).where(ratings.c.person_id == person_id).order_by(ratings.c.id))
    latest = {(row.source, row.prompt_hash, row.response): row for row in rows}
    return (*(stored_thumb(row, user) for row in latest.values()), *_thumbs_of_ratings(rated, user))


def _thumbs_of_ratings(rows: Sequence[AnyRow], user: str) -> list[Thumb]:
    """Thumbs from ratings of the only rated response to a prompt: up above the person's mean in the source, else down.

    Several ratings of one prompt are stored as choices instead. The person's own mean is the threshold, because the
    scale is unknown; a person whose ratings are all equal yields no thumbs.
    """
    scores: dict[str, list[float]] = {}
    responses = Counter((row.source, row.prompt_hash) for row in rows)
    for row in rows:
        scores.setdefault(row.source, []).append(row.score)
    means = {source: fmean(values) for source, values in scores.items()}
    return [
        rated_thumb(row, user, liked=row.score > means[row.source])
        for row in rows
        if responses[row.source, row.prompt_hash] == 1 and not isclose(row.score, means[row.source])
    ]
