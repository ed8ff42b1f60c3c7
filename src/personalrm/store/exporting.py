"""All stored data of one person, by table."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from sqlalchemy import Table

from personalrm.store.erasures import subject
from personalrm.store.people import PersonState
from personalrm.store.schema import PERSON_TABLES, audit
from personalrm.store.scope import AnyRow, Scope, SpaceTables

_INTERNAL = frozenset({"id", "space_id", "person_id", "content", "prompt_hash"})
_JSON = frozenset({"context", "responses", "checked", "details", "answer", "cited", "counting"})


class Exports(SpaceTables):
    """The exports of one space."""

    def tables(self, person: PersonState) -> Iterator[tuple[str, Iterator[Mapping[str, Any]]]]:
        """Each table with the person's rows as JSON values; rows are read lazily."""
        with self._read() as scope:
            for table in PERSON_TABLES:
                yield str(table.name), self._rows(scope, table, person)
            mine = audit.c.subject == subject(scope, person.name)
            yield str(audit.name), (_values(row) for row in scope.all(scope.select(audit).where(mine)))

    def _rows(self, scope: Scope, table: Table, person: PersonState) -> Iterator[Mapping[str, Any]]:
        statement = scope.select(table).where(table.c.person_id == person.id)
        with self._database.translated():  # the rows are consumed after `tables` has returned
            for row in scope.stream(statement, 200):
                yield _values(row)


def _values(row: AnyRow) -> Mapping[str, Any]:
    return {str(name): _value(name, value) for name, value in row._mapping.items() if name not in _INTERNAL}


def _value(name: str, value: Any) -> Any:
    if name == "body":
        return orjson.loads(zlib.decompress(value))
    if isinstance(value, bytes):
        return value.hex()
    return orjson.loads(value) if name in _JSON and isinstance(value, str) else value
