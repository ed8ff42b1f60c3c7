"""Idempotency keys: a repeated request gets the same answer, for a day."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import orjson

from personalrm.errors import StoreConflict
from personalrm.store.schema import idempotency
from personalrm.store.scope import Scope, SpaceTables

KEPT_S = 86400.0
LONGEST_KEY = 200
"""Characters of a key in the database."""
_USED = "this Idempotency-Key was used for another request: use a new one"


@dataclass(frozen=True, slots=True)
class Once:
    """A request's idempotency key and the hash of the request."""

    key: str
    request: bytes


class Idempotency(SpaceTables):
    """The idempotency keys of one space."""

    def forget_old(self, now: float | None = None) -> int:
        """Delete answers older than a day; returns how many."""
        before = (time.time() if now is None else now) - KEPT_S
        with self._write(durable=False) as scope:
            return scope.run(scope.delete(idempotency).where(idempotency.c.created < before))


def replay(scope: Scope, once: Once | None) -> Any | None:
    """The stored answer to the same request, or None.

    Raises:
        StoreConflict: the key was used for another request.
    """
    if once is None:
        return None
    row = scope.first(scope.select(idempotency).where(idempotency.c.key == once.key))
    if row is None:
        return None
    if bytes(row.request) != once.request:
        raise StoreConflict(_USED)
    return orjson.loads(row.answer)


def remember(scope: Scope, once: Once | None, person_id: int, answer: Any) -> None:
    """Store the answer, in the transaction of the request.

    Raises:
        StoreConflict: a request for another person, which ran at the same time, has used the key.
    """
    if once is not None:
        row = {"key": once.key, "person_id": person_id, "request": once.request, "created": time.time()}
        if not scope.upsert(idempotency, {**row, "answer": orjson.dumps(answer).decode()}, ("space_id", "key")):
            raise StoreConflict(_USED)
