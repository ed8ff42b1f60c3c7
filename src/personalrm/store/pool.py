"""The pool of pairs for questions to people of a space, filled by the space's operator."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import func

from personalrm.data.candidates import Candidate
from personalrm.preferences import group_of
from personalrm.store.records import dump_context, load_context
from personalrm.store.schema import candidates
from personalrm.store.scope import AnyRow, SpaceTables


class Pool(SpaceTables):
    """The pool of one space."""

    def add(self, given: Sequence[Candidate]) -> int:
        """Store pairs; a pair with a known id is replaced. Returns the size of the pool."""
        now = time.time()
        with self._write() as scope:
            for one in sorted(given, key=lambda each: each.id):  # one order: two requests do not block each other
                values = {"context": dump_context(one.context), "a": one.a, "b": one.b, "created": now}
                scope.upsert(candidates, {"external_id": one.id, **values}, ("space_id", "external_id"), values)
            return int(scope.value(scope.select(candidates, func.count())))

    def remove(self) -> int:
        """Delete all pairs; returns how many."""
        with self._write() as scope:
            return scope.run(scope.delete(candidates))

    def some(self, limit: int = 400) -> list[Candidate]:
        """The pairs added last."""
        with self._read() as scope:
            statement = scope.select(candidates).order_by(candidates.c.created.desc(), candidates.c.external_id)
            return [_candidate(row) for row in scope.all(statement.limit(limit))]

    def get(self, candidate_id: str) -> Candidate | None:
        """The pair of that id, or None."""
        with self._read() as scope:
            row = scope.first(scope.select(candidates).where(candidates.c.external_id == candidate_id))
            return None if row is None else _candidate(row)


def _candidate(row: AnyRow) -> Candidate:
    context = load_context(row.context)
    return Candidate(row.external_id, group_of(context, row.a, row.b), context, row.a, row.b)
