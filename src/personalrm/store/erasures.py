"""Erasing a person: a record first, then the caches outside the database, then every row of theirs.

    record = space.erasures.begin("ada", key_id)         # from here on the person is gone for every reader
    outside = space.erasures.outside(record)             # what the caller has to remove from the caches
    space.erasures.note(record, {"answers": 12})
    space.erasures.finish(record, models)                # one transaction: all rows, counted by table, and the end

Each step may be repeated; `unfinished` finds those that a crash has interrupted. Of an erased person a keyed hash of
the name stays: it tells that they were erased, so that a client that sends old choices again does not bring them back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import func

from personalrm.errors import UnknownPerson
from personalrm.preferences import History
from personalrm.store import audit
from personalrm.store.records import stored_choice, stored_thumb
from personalrm.store.schema import PERSON_TABLES, cached_answers, choices, erasures, people, spaces, thumbs
from personalrm.store.scope import AnyRow, Scope, SpaceTables


@dataclass(frozen=True, slots=True)
class Erasure:
    """How far the erasing of one person is.

    Attributes:
        id: number of the record.
        name: whom it is about; None once it is done.
        is_done: whether nothing is left.
        started, finished: seconds since 1970.
        counts: rows and cache entries removed, by table or cache.
        models: trained models whose lineage holds the person.
    """

    id: int
    name: str | None
    is_done: bool
    started: float
    finished: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outside:
    """What caches and trained models may hold of a person: keys of answers, and all their choices and thumbs."""

    answers: tuple[bytes, ...]
    history: History

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of theirs, once."""
        found: dict[str, None] = {}
        for one in self.history:
            found.update(dict.fromkeys([one.chosen, one.rejected, *(turn.content for turn in one.context)]))
        for thumb in self.history.thumbs:
            found.update(dict.fromkeys([thumb.response, *(turn.content for turn in thumb.context)]))
        return tuple(found)


class Erasures(SpaceTables):
    """Of one space."""

    def begin(self, name: str, key_id: str | None = None) -> Erasure:
        """Write the record and hide the person; an erasure that was begun before is gone on with, or told if done.

        Raises:
            UnknownPerson: neither a person nor an erased one has that name.
        """
        with self._write() as scope:
            known = _latest(scope, name)
            person_id = scope.value(scope.select(people, people.c.id).where(people.c.name == name).with_for_update())
            if known is not None and (person_id is None or not known.is_done):
                return known
            if person_id is None:
                raise UnknownPerson(f"this space has no person '{name}'")
            audit.write(scope, "erase", subject(scope, name), key_id)
            now = time.time()
            scope.run(scope.update(people).where(people.c.id == person_id).values(erasing=now))
            row = {"subject": subject(scope, name), "name": name, "state": "started", "started": now}
            number = scope.insert_returning(erasures, {**row, "counts": "{}", "models": "[]"}, erasures.c.id)
            return Erasure(number, name, is_done=False, started=now)

    def outside(self, record: Erasure) -> Outside:
        """What is to be removed outside the database; nothing once the rows are gone."""
        with self._read() as scope:
            person_id = _person_id(scope, record)
            keys = scope.all(
                scope.select(cached_answers, cached_answers.c.key).where(cached_answers.c.person_id == person_id)
            )
            rows = scope.all(scope.select(choices).where(choices.c.person_id == person_id))
            thumbed = scope.all(scope.select(thumbs).where(thumbs.c.person_id == person_id))
        user = record.name or ""
        made = tuple(stored_choice(row, user).preference for row in rows)
        liked = tuple(stored_thumb(row, user) for row in thumbed)
        return Outside(tuple(bytes(row.key) for row in keys), History(user, made, liked))

    def note(self, record: Erasure, counts: Mapping[str, int]) -> None:
        """Add to the counts what was removed from the caches."""
        with self._write() as scope:
            _write(scope, record.id, counts=_dumped(_sum(_counts(scope, record.id), counts)))

    def finish(self, record: Erasure, models: Sequence[str]) -> Erasure:
        """Delete every row of the person and close the record, in one transaction."""
        with self._write() as scope:
            now_stands = scope.first(scope.select(erasures).where(erasures.c.id == record.id).with_for_update())
            if now_stands is None or now_stands.state == "done":
                return record if now_stands is None else _record(now_stands)  # another process was quicker
            person_id = _person_id(scope, record)
            counts = {}
            for table in reversed(PERSON_TABLES):
                counts[str(table.name)] = scope.run(scope.delete(table).where(table.c.person_id == person_id))
            counts["people"] = scope.run(scope.delete(people).where(people.c.id == person_id))
            everything = _sum(_counts(scope, record.id), counts)
            now = time.time()
            _write(
                scope,
                record.id,
                name=None,
                state="done",
                finished=now,
                counts=_dumped(everything),
                models=_dumped(list(models)),
            )
            audit.write(scope, "erased", None, None, {"erasure": record.id, "counts": everything})
        return Erasure(record.id, None, True, record.started, now, everything, models)

    def get(self, number: int) -> Erasure | None:
        """The record of that number, or None."""
        with self._read() as scope:
            row = scope.first(scope.select(erasures).where(erasures.c.id == number))
            return None if row is None else _record(row)

    def unfinished(self, older: float = 0.0) -> list[Erasure]:
        """Those that were begun more than so many seconds ago and are not done."""
        before = time.time() - older
        with self._read() as scope:
            begun = erasures.c.state == "started", erasures.c.started <= before
            rows = scope.all(scope.select(erasures).where(*begun))
            return [_record(row) for row in rows]


def subject(scope: Scope, name: str) -> str:
    """A keyed hash of the name: the same within a space, of no use outside it."""
    return blake2b(name.encode(), key=scope.settings(spaces.c.salt), digest_size=16).hexdigest()


def is_erased(scope: Scope, name: str) -> bool:
    """Whether the person was erased and not taken in again."""
    mine = erasures.c.subject == subject(scope, name), erasures.c.readmitted.is_(None)
    return bool(scope.value(scope.select(erasures, func.count()).where(*mine)))


def readmit(scope: Scope, name: str) -> None:
    """Take an erased person in again."""
    mine = erasures.c.subject == subject(scope, name), erasures.c.state == "done"
    scope.run(scope.update(erasures).where(*mine).values(readmitted=time.time()))


def _latest(scope: Scope, name: str) -> Erasure | None:
    statement = scope.select(erasures).where(erasures.c.subject == subject(scope, name))
    row = scope.first(statement.order_by(erasures.c.id.desc()).limit(1))
    return None if row is None else _record(row)


def _person_id(scope: Scope, record: Erasure) -> int | None:
    found: int | None = scope.value(scope.select(people, people.c.id).where(people.c.name == record.name))
    return found


def _counts(scope: Scope, number: int) -> dict[str, int]:
    found: dict[str, int] = orjson.loads(
        scope.value(scope.select(erasures, erasures.c.counts).where(erasures.c.id == number))
    )
    return found


def _write(scope: Scope, number: int, **values: Any) -> None:
    scope.run(scope.update(erasures).where(erasures.c.id == number).values(values))


def _sum(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode()


def _record(row: AnyRow) -> Erasure:
    counts, models = orjson.loads(row.counts), tuple(orjson.loads(row.models))
    return Erasure(row.id, row.name, row.state == "done", row.started, row.finished, counts, models)
