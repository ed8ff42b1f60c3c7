"""Audit log of a space: which key did what; actions and counts, no texts and no names."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from personalrm.store.schema import audit
from personalrm.store.scope import Scope, SpaceTables


@dataclass(frozen=True, slots=True)
class Entry:
    """One action; ``subject`` is a keyed hash of the person's name, ``time`` seconds since 1970."""

    id: int
    time: float
    action: str
    key_id: str | None
    subject: str | None
    details: Mapping[str, Any]


class Audit(SpaceTables):
    """The audit log of one space."""

    def list(self, before: int | None = None, limit: int = 100) -> list[Entry]:
        """Entries, newest first."""
        with self._read() as scope:
            statement = scope.select(audit).order_by(audit.c.id.desc()).limit(limit)
            if before is not None:
                statement = statement.where(audit.c.id < before)
            return [
                Entry(row.id, row.time, row.action, row.key_id, row.subject, orjson.loads(row.details))
                for row in scope.all(statement)
            ]

    def write(self, action: str, key_id: str | None = None, details: Mapping[str, Any] | None = None) -> None:
        """Record an action on the space itself."""
        with self._write() as scope:
            write(scope, action, None, key_id, details)


def write(
    scope: Scope, action: str, subject: str | None, key_id: str | None, details: Mapping[str, Any] | None = None
) -> None:
    """Record an action, in the transaction that performs it."""
    row = {"time": time.time(), "action": action, "key_id": key_id, "subject": subject}
    scope.insert(audit, [{**row, "details": orjson.dumps(details or {}).decode()}])
