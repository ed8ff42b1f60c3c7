"""A person's corrections of claims: right, wrong, outdated or forget. The newest one per claim counts."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import orjson

from personalrm.errors import UnknownRecord
from personalrm.profile.records import Claim
from personalrm.store import audit, erasures, jobs, people
from personalrm.store.jobs import Work
from personalrm.store.people import PersonState
from personalrm.store.schema import corrections
from personalrm.store.scope import AnyRow, Scope, SpaceTables

Answer = Literal["right", "wrong", "outdated", "forget"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
_UNLEARNED = frozenset({"outdated", "forget"})


@dataclass(frozen=True, slots=True)
class Correction:
    """One correction of one claim; ``version`` is the profile version of the claim, times in seconds since 1970.

    ``supporting`` and ``opposing`` are the ids of the choices that the profile cited.
    """

    id: int
    claim: str
    verdict: Answer
    supporting: tuple[str, ...]
    opposing: tuple[str, ...]
    note: str | None
    version: int
    created: float
    withdrawn: float | None = None


class Corrections(SpaceTables):
    """The corrections of one space."""

    def add(self, name: str, claim: Claim, verdict: Answer, version: int, note: str | None, work: Work) -> Correction:
        """Store a correction; it replaces an earlier one of the same claim. UnknownPerson for an unknown name."""
        now = time.time()
        with self._write() as scope:
            person = people.lock(scope, name)
            same = (
                corrections.c.person_id == person.id,
                corrections.c.claim == claim.text,
                corrections.c.withdrawn.is_(None),
            )
            scope.run(scope.update(corrections).where(*same).values(withdrawn=now))
            cited = orjson.dumps([claim.supporting, claim.opposing]).decode()
            row = {"person_id": person.id, "claim": claim.text, "verdict": verdict, "note": note, "version": version}
            number = scope.insert_returning(corrections, {**row, "cited": cited, "created": now}, corrections.c.id)
            people.changed(scope, person.id)
            jobs.request(scope, person.id, work)
            audit.write(scope, "correct", erasures.subject(scope, name), None, {"verdict": verdict})
        return Correction(number, claim.text, verdict, claim.supporting, claim.opposing, note, version, now)

    def withdraw(self, name: str, number: int, work: Work) -> Correction:
        """Withdraw a correction. UnknownRecord if the person has no active correction of that number."""
        with self._write() as scope:
            person = people.lock(scope, name)
            mine = (
                corrections.c.person_id == person.id,
                corrections.c.id == number,
                corrections.c.withdrawn.is_(None),
            )
            row = scope.first(scope.select(corrections).where(*mine))
            if row is None:
                raise UnknownRecord(f"'{name}' has no active correction {number}", "number")
            now = time.time()
            scope.run(scope.update(corrections).where(*mine).values(withdrawn=now))
            people.changed(scope, person.id)
            jobs.request(scope, person.id, work)
        return replace(_correction(row), withdrawn=now)

    def list(self, person: PersonState, *, withdrawn: bool = False) -> list[Correction]:
        """Corrections, oldest first; with ``withdrawn`` also those withdrawn or replaced."""
        with self._read() as scope:
            if not withdrawn:
                return active(scope, person.id)
            statement = scope.select(corrections).where(corrections.c.person_id == person.id)
            return [_correction(row) for row in scope.all(statement.order_by(corrections.c.id))]


def active(scope: Scope, person_id: int) -> list[Correction]:
    """Corrections that were not withdrawn or replaced, oldest first."""
    mine = corrections.c.person_id == person_id, corrections.c.withdrawn.is_(None)
    return [_correction(row) for row in scope.all(scope.select(corrections).where(*mine).order_by(corrections.c.id))]


def excluded(said: Iterable[Correction]) -> set[str]:
    """Ids of the choices that are not learned, because they were cited for claims to be unlearned."""
    return {name for one in said if one.verdict in _UNLEARNED for name in one.supporting}


def _correction(row: AnyRow) -> Correction:
    supporting, opposing = (tuple(ids) for ids in orjson.loads(row.cited))
    said = row.note, row.version, row.created, row.withdrawn
    return Correction(row.id, row.claim, row.verdict, supporting, opposing, *said)
