"""A transaction on the rows of one space. Statements are made here, so that none can forget the space.

    with space.write() as scope:
        scope.all(scope.select(choices).where(choices.c.person_id == person))

Elsewhere in this room nobody imports ``select``, ``insert``, ``update`` or ``delete``; a test holds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Row,
    Select,
    Table,
    Update,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from personalrm.store.database import Database, Query
from personalrm.store.schema import spaces

if TYPE_CHECKING:  # SQLAlchemy 2.1 types a row by its columns
    AnyRow: TypeAlias = Row[*tuple[Any, ...]]
    AnySelect: TypeAlias = Select[*tuple[Any, ...]]
else:
    AnyRow, AnySelect = Row, Select

_ROWS_A_STATEMENT = 500


class Scope:
    """See the module's docstring."""

    def __init__(self, connection: Connection, space_id: int) -> None:
        self.connection, self.space_id = connection, space_id

    def select(self, table: Table, *columns: ColumnElement[Any]) -> AnySelect:
        """Rows of this space; the whole row where no columns are named."""
        return select(*(columns or table.c)).select_from(table).where(table.c.space_id == self.space_id)

    def settings(self, column: ColumnElement[Any]) -> Any:
        """A column of the space itself."""
        return self.connection.execute(select(column).where(spaces.c.id == self.space_id)).scalar_one()

    def update(self, table: Table) -> Update:
        """Rows of this space."""
        return update(table).where(table.c.space_id == self.space_id)

    def delete(self, table: Table) -> Delete:
        """Rows of this space."""
        return delete(table).where(table.c.space_id == self.space_id)

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows for this space."""
        for at in range(0, len(rows), _ROWS_A_STATEMENT):
            part = [{**one, "space_id": self.space_id} for one in rows[at : at + _ROWS_A_STATEMENT]]
            self.connection.execute(table.insert(), part)

    def insert_returning(self, table: Table, row: Mapping[str, Any], column: ColumnElement[Any]) -> Any:
        """One row for this space; the value that the database gave it."""
        statement = table.insert().values({**row, "space_id": self.space_id}).returning(column)
        return self.connection.execute(statement).scalar_one()

    def upsert(
        self,
        table: Table,
        row: Mapping[str, Any],
        keys: Sequence[str],
        change: Mapping[str, Any] | None = None,
    ) -> bool:
        """Insert a row, or change the one that has its keys (leave it if ``change`` is None). Whether one was written.

        Values of ``change`` may be expressions over the columns of the row that is there.
        """
        dialect = sqlite if self.connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(table).values({**row, "space_id": self.space_id})
        if change is None:
            statement = statement.on_conflict_do_nothing(index_elements=list(keys))
        else:
            statement = statement.on_conflict_do_update(index_elements=list(keys), set_=dict(change))
        # without the option SQLAlchemy tells the number of rows of an INSERT for some tables only
        return self.connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount > 0

    def run(self, statement: Update | Delete) -> int:
        """How many rows it touched."""
        return self.connection.execute(statement).rowcount

    def all(self, statement: AnySelect) -> Sequence[AnyRow]:
        """All rows."""
        return self.connection.execute(statement).all()

    def first(self, statement: AnySelect) -> AnyRow | None:
        """The first row, or None."""
        return self.connection.execute(statement).first()

    def value(self, statement: AnySelect) -> Any:
        """The first column of the first row, or None."""
        return self.connection.execute(statement).scalar()

    def count(self, statement: AnySelect, most: int) -> int:
        """How many rows there are; not more than ``most`` are looked at."""
        found = select(func.count()).select_from(statement.limit(most).subquery())
        return int(self.connection.execute(found).scalar_one())

    def stream(self, statement: AnySelect, size: int = 1000) -> Iterator[AnyRow]:
        """Rows as they come, ``size`` in memory at a time."""
        yield from self.connection.execution_options(yield_per=size).execute(statement)


def query(table: Table, columns: Sequence[ColumnElement[Any]], *conditions: ColumnElement[Any]) -> Query:
    """Rows of the space that ``space_id`` names, compiled once: for what every prediction asks."""
    return Query(select(*columns).where(table.c.space_id == bindparam("space_id"), *conditions))


class SpaceTables:
    """Base of everything that reads and writes the rows of one space."""

    def __init__(self, database: Database, space_id: int) -> None:
        self._database, self.space_id = database, space_id

    def _first(self, wanted: Query, **values: Any) -> tuple[Any, ...] | None:
        """The first row in this space, or None."""
        return self._database.first(wanted, {"space_id": self.space_id, **values})

    @contextmanager
    def _read(self) -> Iterator[Scope]:
        """A snapshot of this space."""
        with self._database.read() as connection:
            yield Scope(connection, self.space_id)

    @contextmanager
    def _write(self, *, durable: bool = True) -> Iterator[Scope]:
        """A transaction on this space; one that is not ``durable`` may be lost with the machine's power."""
        with self._database.write(durable=durable) as connection:
            yield Scope(connection, self.space_id)
