"""Feedback that arrives twice is stored once: its identity is (space, person, source, id).

The same id with different content is a conflict, which is reported; the stored row is not changed. Feedback without an
id gets one derived from its content; if that exists with another answer (the person changed their mind), the new row
gets the id with the suffix ``-2``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table

from personalrm.store.scope import Scope

_AT_ONCE = 200
_CHANGES_OF_MIND = 9


@dataclass(frozen=True, slots=True)
class Incoming:
    """A row to insert: its identity (``id`` None if not given), content hash, and other columns."""

    source: str
    id: str | None
    content: bytes
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InsertResult:
    """Positions of the incoming rows: ``new`` were inserted, ``known`` existed, ``conflicts`` have a used id.

    ``new`` maps positions to ids.
    """

    new: Mapping[int, str]
    known: tuple[int, ...]
    conflicts: tuple[int, ...]


def insert_new(
    scope: Scope, table: Table, person_id: int, rows: Sequence[Incoming], make_id: Callable[[int], str]
) -> InsertResult:
    """Insert the rows that do not exist. The person's row must be locked.

    Args:
        rows: the incoming rows.
        make_id: derives an id for a row without one; it must not depend on the answer.
    """
    wanted = [[one.id] if one.id is not None else _candidates(make_id(at)) for at, one in enumerate(rows)]
    stored = _stored(scope, table, person_id, {(one.source, name) for one, names in zip(rows, wanted, strict=True)
                                               for name in names})  # fmt: skip
    new: dict[int, str] = {}
    known, conflicts, fresh = [], [], []
    for at, (one, names) in enumerate(zip(rows, wanted, strict=True)):
        met = [name for name in names if stored.get((one.source, name)) == one.content]
        free = [name for name in names if (one.source, name) not in stored]
        if met:
            known.append(at)
        elif not free:
            conflicts.append(at)
        else:
            new[at] = free[0]
            stored[one.source, free[0]] = one.content
            identity = {"source": one.source, "external_id": free[0], "content": one.content}
            fresh.append({"person_id": person_id, **identity, **one.values})
    scope.insert(table, fresh)
    return InsertResult(new, tuple(known), tuple(conflicts))


def _candidates(made: str) -> list[str]:
    return [made, *(f"{made}-{count}" for count in range(2, _CHANGES_OF_MIND + 1))]


def _stored(scope: Scope, table: Table, person_id: int, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """Content hashes of the identities that exist."""
    found: dict[tuple[str, str], bytes] = {}
    for source in sorted({source for source, _ in wanted}):
        names = sorted(name for one, name in wanted if one == source)
        for at in range(0, len(names), _AT_ONCE):
            rows = scope.all(
                scope.select(table, table.c.external_id, table.c.content).where(
                    table.c.person_id == person_id,
                    table.c.source == source,
                    table.c.external_id.in_(names[at : at + _AT_ONCE]),
                )
            )
            found.update(((source, row.external_id), bytes(row.content)) for row in rows)
    return found
