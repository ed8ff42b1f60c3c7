"""Studies with people: the fixed settings of each study, and the events of its participants.

    number = space.studies.create("taste", protocol, pairs)
    space.studies.append(number, "p-1a2b3c4d", 0, {"event": "consent"})
    space.studies.erase(number, "p-1a2b3c4d")

A participant is identified by a code. Protocols and events are interpreted by `personalrm.bench.studies.human`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import func

from personalrm.data.candidates import Candidate
from personalrm.errors import DataError, StoreConflict, UnknownStudy
from personalrm.preferences import group_of
from personalrm.store import audit
from personalrm.store.records import dump_context, load_context
from personalrm.store.schema_studies import studies, study_events
from personalrm.store.scope import AnyRow, Scope, SpaceTables

MOST_PARTICIPANTS = 5000
"""Maximum participants of a study: otherwise anyone with the invitation could fill the database."""
_NAME = 100


@dataclass(frozen=True, slots=True)
class StoredStudy:
    """A study; times in seconds since 1970. ``closed``: when it was closed to new participants, or None."""

    id: int
    name: str
    created: float
    closed: float | None
    protocol: Mapping[str, Any]
    participants: int


class Studies(SpaceTables):
    """The studies of one space."""

    def create(
        self, name: str, protocol: Mapping[str, Any], pairs: Sequence[Candidate], key_id: str | None = None
    ) -> int:
        """Create a study and return its number. DataError if the name is invalid."""
        if not name.strip() or len(name) > _NAME or not name.isprintable():
            raise DataError(f"name: expected 1 to {_NAME} printable characters")
        kept = [[one.id, dump_context(one.context), one.a, one.b] for one in pairs]
        row = {"name": name.strip(), "created": time.time(), "protocol": _dumped(protocol), "pairs": _dumped(kept)}
        with self._write() as scope:
            number: int = scope.insert_returning(studies, row, studies.c.id)
            audit.write(scope, "study", None, key_id, {"study": number})
        return number

    def all(self) -> list[StoredStudy]:
        """Studies, newest first."""
        with self._read() as scope:
            rows = scope.all(scope.select(studies, *_SHOWN).order_by(studies.c.id.desc()))
            return [_study(scope, row) for row in rows]

    def get(self, number: int) -> StoredStudy:
        """The study of that number. UnknownStudy if the space has none."""
        with self._read() as scope:
            return _study(scope, _required(scope, number, None))

    def pairs(self, number: int) -> list[Candidate]:
        """The pairs of a study. UnknownStudy."""
        with self._read() as scope:
            text = scope.value(scope.select(studies, studies.c.pairs).where(studies.c.id == number))
        if text is None:
            raise UnknownStudy(f"this space has no study {number}")
        return [_pair(*one) for one in orjson.loads(text)]

    def close(self, number: int, *, closed: bool) -> None:
        """Close the study to new participants, or open it again. UnknownStudy."""
        with self._write() as scope:
            _required(scope, number, "alone")
            values = {"closed": time.time() if closed else None}
            scope.run(scope.update(studies).where(studies.c.id == number).values(values))

    def events(self, number: int, code: str) -> list[dict[str, Any]]:
        """A participant's events in order; empty for an unknown participant."""
        mine = study_events.c.study_id == number, study_events.c.code == code
        with self._read() as scope:
            found = scope.select(study_events, study_events.c.body).where(*mine).order_by(study_events.c.place)
            return [orjson.loads(row.body) for row in scope.all(found)]

    def all_events(self, number: int) -> dict[str, list[dict[str, Any]]]:
        """The events of all participants of a study, by code."""
        events: dict[str, list[dict[str, Any]]] = {}
        with self._read() as scope:
            asked = scope.select(study_events, study_events.c.code, study_events.c.body)
            in_order = asked.where(study_events.c.study_id == number).order_by(
                study_events.c.code, study_events.c.place
            )
            for row in scope.all(in_order):
                events.setdefault(row.code, []).append(orjson.loads(row.body))
        return events

    def append(self, number: int, code: str, place: int, event: Mapping[str, Any]) -> None:
        """Store event number ``place`` of a participant; event 0 creates the participant.

        Raises:
            UnknownStudy: no such study. StoreConflict: the event exists, the participant does not exist, the study is
                closed, or it has its maximum of participants.
        """
        with self._write() as scope:
            study = _required(scope, number)
            if place == 0:
                if study.closed is not None or _participants(scope, number) >= MOST_PARTICIPANTS:
                    raise StoreConflict("this study accepts no new participants")
            elif not _exists(scope, number, code, place - 1):
                raise StoreConflict(f"participant {code} does not exist, or an earlier event is missing")
            if event.get("stranger") is not None and not _exists(scope, number, event["stranger"], 0):
                event = {**event, "stranger": None}  # that participant has withdrawn since the claims were drawn
            row = {"study_id": number, "code": code, "place": place, "body": _dumped(event)}
            if not scope.upsert(study_events, row, ("space_id", "study_id", "code", "place")):
                raise StoreConflict(f"participant {code} already has an event at this place")

    def erase(self, number: int, code: str, key_id: str | None = None) -> int:
        """Delete all data of a participant; returns the number of events.

        Claims shown to other participants stay in their sessions, without the code of the participant they come from.
        """
        mine = study_events.c.study_id == number, study_events.c.code == code
        with self._write() as scope:
            _required(scope, number, "alone")
            found = scope.run(scope.delete(study_events).where(*mine))
            _unname(scope, number, code)
            audit.write(scope, "study-erase", None, key_id, {"study": number, "events": found})
        return found

    def delete(self, number: int, key_id: str | None = None) -> int:
        """Delete a study and all its data; returns the number of events. UnknownStudy."""
        with self._write() as scope:
            _required(scope, number, "alone")
            found = scope.run(scope.delete(study_events).where(study_events.c.study_id == number))
            scope.run(scope.delete(studies).where(studies.c.id == number))
            audit.write(scope, "study-delete", None, key_id, {"study": number, "events": found})
        return found


_SHOWN = studies.c.id, studies.c.name, studies.c.created, studies.c.closed, studies.c.protocol


def _required(scope: Scope, number: int, lock: Literal["shared", "alone"] | None = "shared") -> AnyRow:
    """The study's row, locked; appending takes a shared lock, so participants do not wait for each other."""
    asked = scope.select(studies, *_SHOWN).where(studies.c.id == number)
    row = scope.first(asked if lock is None else asked.with_for_update(read=lock == "shared"))
    if row is None:
        raise UnknownStudy(f"this space has no study {number}")
    return row


def _event(number: int, code: str, place: int) -> tuple[Any, ...]:
    return study_events.c.study_id == number, study_events.c.code == code, study_events.c.place == place


def _exists(scope: Scope, number: int, code: str, place: int) -> bool:
    return bool(scope.value(scope.select(study_events, func.count()).where(*_event(number, code, place))))


def _participants(scope: Scope, number: int) -> int:
    first = study_events.c.study_id == number, study_events.c.place == 0
    return int(scope.value(scope.select(study_events, func.count()).where(*first)))


def _unname(scope: Scope, number: int, code: str) -> None:
    """Remove the code from the sessions of participants who rated this participant's claims."""
    rows = scope.all(
        scope.select(study_events).where(
            study_events.c.study_id == number, study_events.c.body.contains(f'"stranger":"{code}"', autoescape=True)
        )
    )
    for row in rows:
        body = _dumped({**orjson.loads(row.body), "stranger": None})
        scope.run(scope.update(study_events).where(*_event(number, row.code, row.place)).values(body=body))


def _study(scope: Scope, row: AnyRow) -> StoredStudy:
    told = orjson.loads(row.protocol), _participants(scope, row.id)
    return StoredStudy(row.id, row.name, row.created, row.closed, *told)


def _pair(name: str, context: str, a: str, b: str) -> Candidate:
    turns = load_context(context)
    return Candidate(name, group_of(turns, a, b), turns, a, b)


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode()
