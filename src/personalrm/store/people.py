"""The people of a space, and the state of each one's profile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam

from personalrm.errors import PersonErased, StoreConflict, UnknownPerson
from personalrm.store import erasures
from personalrm.store.schema import cached_answers, people
from personalrm.store.scope import AnyRow, Scope, SpaceTables, query

_NAMES_AT_ONCE = 500
_ERASED = "the person was erased in the meantime"
_COLUMNS = (
    people.c.id,
    people.c.name,
    people.c.created,
    people.c.changed,
    people.c.choices,
    people.c.revision,
    people.c.active_version,
    people.c.active_revision,
)


_BY_NAME = query(people, _COLUMNS, people.c.name == bindparam("name"), people.c.erasing.is_(None))


@dataclass(frozen=True, slots=True)
class PersonState:
    """A person in the store.

    Attributes:
        id: the person's number; not reused after an erasure.
        name: the product's name or id of the person.
        created: seconds since 1970.
        changed: when the data to fit last changed.
        choices: number of choices to fit.
        revision: counts all changes of the data to fit.
        active_version: version of the profile in use; None before the first.
        active_revision: the revision the profile in use was fitted to.
    """

    id: int
    name: str
    created: float
    changed: float
    choices: int
    revision: int
    active_version: int | None
    active_revision: int | None

    @property
    def is_stale(self) -> bool:
        """Whether the data has changed since the profile in use was fitted."""
        return self.active_revision != self.revision


class People(SpaceTables):
    """The people of one space."""

    def get(self, name: str) -> PersonState | None:
        """The person, or None."""
        row = self._first(_BY_NAME, name=name)
        return None if row is None else PersonState(*row)

    def require(self, name: str) -> PersonState:
        """The person. UnknownPerson if the space has no person of that name."""
        found = self.get(name)
        if found is None:
            raise UnknownPerson(f"this space has no person '{name}'")
        return found

    def by_id(self, person_id: int) -> PersonState | None:
        """The person of that number, or None."""
        with self._read() as scope:
            known = people.c.id == person_id, people.c.erasing.is_(None)
            row = scope.first(scope.select(people, *_COLUMNS).where(*known))
            return None if row is None else _state(row)

    def keep_answer(self, person_id: int, key: bytes) -> None:
        """Record, before the request is sent, the cache key of an answer with the person's texts, for erasures.

        Raises:
            StoreConflict: the person was erased, or is being erased, in the meantime.
        """
        with self._write(durable=False) as scope:
            known = people.c.id == person_id, people.c.erasing.is_(None)
            if scope.first(scope.select(people, people.c.id).where(*known).with_for_update(read=True)) is None:
                raise StoreConflict(_ERASED)
            scope.upsert(cached_answers, {"person_id": person_id, "key": key}, ("space_id", "person_id", "key"))

    def several(self, names: Sequence[str]) -> dict[str, PersonState]:
        """The people with these names that exist."""
        found: dict[str, PersonState] = {}
        with self._read() as scope:
            for at in range(0, len(names), _NAMES_AT_ONCE):
                wanted = people.c.name.in_(names[at : at + _NAMES_AT_ONCE])
                rows = scope.all(scope.select(people, *_COLUMNS).where(wanted, people.c.erasing.is_(None)))
                found.update((row.name, _state(row)) for row in rows)
        return found

    def list(self, after: str = "", limit: int = 100) -> list[PersonState]:
        """People by name, after the name ``after``."""
        with self._read() as scope:
            statement = scope.select(people, *_COLUMNS).where(people.c.name > after, people.c.erasing.is_(None))
            return [_state(row) for row in scope.all(statement.order_by(people.c.name).limit(limit))]

    def readmit(self, name: str) -> PersonState:
        """Create the person, or allow an erased person again: new choices are accepted from now on."""
        with self._write() as scope:
            erasures.readmit(scope, name)
            return ensure(scope, name)


def ensure(scope: Scope, name: str) -> PersonState:
    """The person, created if needed, locked until the end of the transaction.

    Raises:
        PersonErased: they were erased and not readmitted.
    """
    row = _locked(scope, name)
    if row is None:
        if erasures.is_erased(scope, name):
            raise PersonErased(f"'{name}' was erased from this space; PUT /v1/people/{{user}} adds them again")
        now = time.time()
        scope.upsert(people, {"name": name, "created": now, "changed": now}, ("space_id", "name"))
        row = _locked(scope, name)
    if row is None:
        raise PersonErased(f"'{name}' is being erased")
    return _state(row)


def lock(scope: Scope, name: str) -> PersonState:
    """The person, locked until the end of the transaction. UnknownPerson for an unknown name."""
    row = _locked(scope, name)
    if row is None:
        raise UnknownPerson(f"this space has no person '{name}'")
    return _state(row)


def lock_same(scope: Scope, person: PersonState) -> PersonState:
    """The same person as they are now, locked. StoreConflict if they were erased, even if the name is used again."""
    row = _locked(scope, person.name)
    if row is None or row.id != person.id:
        raise StoreConflict(_ERASED)
    return _state(row)


def _locked(scope: Scope, name: str) -> AnyRow | None:
    known = people.c.name == name, people.c.erasing.is_(None)
    return scope.first(scope.select(people, *_COLUMNS).where(*known).with_for_update())


def changed(scope: Scope, person_id: int, added: int = 0) -> None:
    """Record that the data to fit has changed, with this many new choices."""
    scope.run(
        scope.update(people)
        .where(people.c.id == person_id)
        .values(revision=people.c.revision + 1, choices=people.c.choices + added, changed=time.time())
    )


def activate(scope: Scope, person_id: int, version: int | None, revision: int) -> None:
    """Put a version of the profile in use."""
    touched = scope.run(
        scope.update(people)
        .where(people.c.id == person_id, people.c.erasing.is_(None))
        .values(active_version=version, active_revision=revision)
    )
    if not touched:
        raise StoreConflict(_ERASED)


def _state(row: AnyRow) -> PersonState:
    return PersonState(*row)
