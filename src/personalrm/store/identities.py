"""Feedback that arrives twice is stored once: identity is (space, person, source, id).

The same id with another content is a conflict, told to whoever sends it and never written over what is there. Feedback
without an id gets one from its content; where that was met before with another answer (a person who changed their
mind) the new one is kept beside it, as ``id-2``.
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
    """A row on its way in: its identity (``id`` None if none was given), hash of its content, other columns."""

    source: str
    id: str | None
    content: bytes
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sorted:
    """Positions of what came in: ``new`` is stored now under these ids, ``known`` was there, ``conflicts`` contradict.

    ``new`` maps positions to ids.
    """

    new: Mapping[int, str]
    known: tuple[int, ...]
    conflicts: tuple[int, ...]


def insert_new(
    scope: Scope, table: Table, person_id: int, rows: Sequence[Incoming], make_id: Callable[[int], str]
) -> Sorted:
    """Store what is not there yet. The person's row must be locked.

    Args:
        rows: what came in.
        make_id: an id for the row at a position that came without one; it must not depend on the answer.
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
    return Sorted(new, tuple(known), tuple(conflicts))


def _candidates(made: str) -> list[str]:
    return [made, *(f"{made}-{count}" for count in range(2, _CHANGES_OF_MIND + 1))]


def _stored(scope: Scope, table: Table, person_id: int, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
    """Contents of those identities that are there."""
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
