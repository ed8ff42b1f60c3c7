"""Erasing a person: first an erasure record, then the caches outside the database, then all rows of the person.

    record = space.erasures.begin("ada", key_id)         # readers no longer see the person
    outside = space.erasures.outside(record)             # what the caller must remove from the caches
    space.erasures.note(record, {"answers": 12})
    space.erasures.finish(record, models)                # one transaction: deletes all rows, closes the record

Every step is idempotent; `unfinished` lists erasures that were interrupted. A keyed hash of the erased person's name
is kept, so that old choices that a client sends again are refused.
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
from personalrm.store.records import load_context, stored_choice, stored_thumb
from personalrm.store.schema import (
    PERSON_TABLES,
    cached_answers,
    choices,
    completions,
    erasures,
    people,
    rankings,
    ratings,
    spaces,
    thumbs,
)
from personalrm.store.scope import AnyRow, Scope, SpaceTables


@dataclass(frozen=True, slots=True)
class Erasure:
    """State of the erasure of one person.

    Attributes:
        id: number of the record.
        name: the person's name; None when the erasure is complete.
        is_done: whether the erasure is complete.
        started, finished: seconds since 1970.
        counts: rows and cache entries removed, by table or cache.
        models: trained models whose lineage includes the person.
    """

    id: int
    name: str | None
    is_done: bool
    started: float
    finished: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ExternalData:
    """Data of a person that caches may contain: cache keys of answers, all their choices and thumbs, and other texts.

    ``others`` are the texts of ratings, rankings and chat answers, also of those that became no choice.
    """

    answers: tuple[bytes, ...]
    history: History
    others: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts of the person, without duplicates."""
        found: dict[str, None] = {}
        for one in self.history:
            found.update(dict.fromkeys([one.chosen, one.rejected, *(turn.content for turn in one.context)]))
        for thumb in self.history.thumbs:
            found.update(dict.fromkeys([thumb.response, *(turn.content for turn in thumb.context)]))
        return tuple({**found, **dict.fromkeys(self.others)})


class Erasures(SpaceTables):
    """The erasures of one space."""

    def begin(self, name: str, key_id: str | None = None) -> Erasure:
        """Write the record and hide the person; returns an existing record if the erasure was started before.

        Raises:
            UnknownPerson: the space has no person, and no erased person, of that name.
        """
        with self._write() as scope:
            person_id = scope.value(scope.select(people, people.c.id).where(people.c.name == name).with_for_update())
            known = _latest(scope, name)  # with the person locked: it may have been written meanwhile
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

    def outside(self, record: Erasure) -> ExternalData:
        """The data to remove outside the database; empty once the rows are deleted."""
        with self._read() as scope:
            person_id = _person_id(scope, record)
            keys = scope.all(
                scope.select(cached_answers, cached_answers.c.key).where(cached_answers.c.person_id == person_id)
            )
            rows = scope.all(scope.select(choices).where(choices.c.person_id == person_id))
            thumbed = scope.all(scope.select(thumbs).where(thumbs.c.person_id == person_id))
            others = _other_texts(scope, person_id)
        user = record.name or ""
        made = tuple(stored_choice(row, user).preference for row in rows)
        liked = tuple(stored_thumb(row, user) for row in thumbed)
        return ExternalData(tuple(bytes(row.key) for row in keys), History(user, made, liked), others)

    def note(self, record: Erasure, counts: Mapping[str, int]) -> None:
        """Add the number of removed cache entries."""
        with self._write() as scope:
            _write(scope, record.id, counts=_dumped(_sum(_counts(scope, record.id, lock=True), counts)))

    def finish(self, record: Erasure, models: Sequence[str]) -> Erasure:
        """Delete all rows of the person and close the record, in one transaction."""
        with self._write() as scope:
            now_stands = scope.first(scope.select(erasures).where(erasures.c.id == record.id).with_for_update())
            if now_stands is None or now_stands.state == "done":
                return record if now_stands is None else _record(now_stands)  # another process has finished it
            person_id = _person_id(scope, record, lock=True)  # nobody adds a row that refers to them
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
        """Incomplete erasures that were started more than ``older`` seconds ago."""
        before = time.time() - older
        with self._read() as scope:
            begun = erasures.c.state == "started", erasures.c.started <= before
            rows = scope.all(scope.select(erasures).where(*begun))
            return [_record(row) for row in rows]


def subject(scope: Scope, name: str) -> str:
    """A keyed hash of the name, with a key of the space: it identifies the name within this space only."""
    return blake2b(name.encode(), key=scope.settings(spaces.c.salt), digest_size=16).hexdigest()


def is_erased(scope: Scope, name: str) -> bool:
    """Whether the person was erased and not readmitted."""
    mine = erasures.c.subject == subject(scope, name), erasures.c.readmitted.is_(None)
    return bool(scope.value(scope.select(erasures, func.count()).where(*mine)))


def readmit(scope: Scope, name: str) -> None:
    """Allow the name of an erased person again."""
    mine = erasures.c.subject == subject(scope, name), erasures.c.state == "done"
    scope.run(scope.update(erasures).where(*mine).values(readmitted=time.time()))


def _other_texts(scope: Scope, person_id: int | None) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for table in (ratings, rankings, completions):
        for row in scope.all(scope.select(table).where(table.c.person_id == person_id)):
            responses = [row.response] if table is ratings else orjson.loads(row.responses)
            found.update(dict.fromkeys([*(turn.content for turn in load_context(row.context)), *responses]))
    return tuple(found)


def _latest(scope: Scope, name: str) -> Erasure | None:
    statement = scope.select(erasures).where(erasures.c.subject == subject(scope, name))
    row = scope.first(statement.order_by(erasures.c.id.desc()).limit(1))
    return None if row is None else _record(row)


def _person_id(scope: Scope, record: Erasure, *, lock: bool = False) -> int | None:
    asked = scope.select(people, people.c.id).where(people.c.name == record.name)
    found: int | None = scope.value(asked.with_for_update() if lock else asked)
    return found


def _counts(scope: Scope, number: int, *, lock: bool = False) -> dict[str, int]:
    asked = scope.select(erasures, erasures.c.counts).where(erasures.c.id == number)
    found: dict[str, int] = orjson.loads(scope.value(asked.with_for_update() if lock else asked))
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
