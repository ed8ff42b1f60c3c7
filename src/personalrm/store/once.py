"""A request that is sent again is answered as before: idempotency keys, kept for a day."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import orjson

from personalrm.errors import StoreConflict
from personalrm.store.schema import idempotency
from personalrm.store.scope import Scope, SpaceTables

KEPT_S = 86400.0


@dataclass(frozen=True, slots=True)
class Once:
    """The key a client gave to a request, and a hash of the request."""

    key: str
    request: bytes


class Idempotency(SpaceTables):
    """Of one space."""

    def forget_old(self, now: float | None = None) -> int:
        """Drop answers older than a day; how many there were."""
        before = (time.time() if now is None else now) - KEPT_S
        with self._write(durable=False) as scope:
            return scope.run(scope.delete(idempotency).where(idempotency.c.created < before))


def replay(scope: Scope, once: Once | None) -> Any | None:
    """The answer that was given to this very request before, or None.

    Raises:
        StoreConflict: the key was used for another request.
    """
    if once is None:
        return None
    row = scope.first(scope.select(idempotency).where(idempotency.c.key == once.key))
    if row is None:
        return None
    if bytes(row.request) != once.request:
        raise StoreConflict("this Idempotency-Key was used for another request: choose a new one")
    return orjson.loads(row.answer)


def remember(scope: Scope, once: Once | None, person_id: int, answer: Any) -> None:
    """Keep the answer, in the transaction that does what was asked."""
    if once is not None:
        row = {"key": once.key, "person_id": person_id, "request": once.request, "created": time.time()}
        scope.insert(idempotency, [{**row, "answer": orjson.dumps(answer).decode()}])
