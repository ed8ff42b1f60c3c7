"""Answers of the chat endpoint to a person, by id; feedback on them becomes choices.

space.completions.keep("ada", Completed("chatcmpl-…", turns, ("Eight minutes.",), version=3))
person, completed = space.completions.get("chatcmpl-…")
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import orjson

from personalrm.errors import UnknownRecord
from personalrm.preferences import Message
from personalrm.store import people as people_of
from personalrm.store.records import dump_context, load_context
from personalrm.store.schema import completions, people
from personalrm.store.scope import SpaceTables

KEPT_S = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class Completed:
    """A conversation and the answers shown; ``version`` is the profile version whose prompt was added, if any."""

    id: str
    context: tuple[Message, ...]
    responses: tuple[str, ...]
    version: int | None = None


class Completions(SpaceTables):
    """The chat answers of one space."""

    def keep(self, name: str, completed: Completed) -> None:
        """Store an answer; creates the person if needed. PersonErased if they were erased."""
        texts = {"context": dump_context(completed.context), "responses": orjson.dumps(completed.responses).decode()}
        with self._write(durable=False) as scope:
            person = people_of.ensure(scope, name)
            row = {"id": completed.id, "person_id": person.id, "version": completed.version, "created": time.time()}
            scope.insert(completions, [{**row, **texts}])

    def get(self, completion_id: str, field: str = "id") -> tuple[str, Completed]:
        """The person and the answer of an id. UnknownRecord, with the field, if the space has no such answer."""
        with self._read() as scope:
            same = (people.c.space_id == completions.c.space_id) & (people.c.id == completions.c.person_id)
            columns = people.c.name, completions.c.context, completions.c.responses, completions.c.version
            statement = scope.select(completions, *columns).join(people, same)
            row = scope.first(statement.where(completions.c.id == completion_id, people.c.erasing.is_(None)))
        if row is None:
            raise UnknownRecord(f"this space has no answer '{completion_id[:64]}' (it may have expired)", field)
        responses = tuple(orjson.loads(row.responses))
        return row.name, Completed(completion_id, load_context(row.context), responses, row.version)

    def forget_old(self, now: float | None = None) -> int:
        """Delete answers older than a month; returns how many."""
        before = (time.time() if now is None else now) - KEPT_S
        with self._write(durable=False) as scope:
            return scope.run(scope.delete(completions).where(completions.c.created < before))
