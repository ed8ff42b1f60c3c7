"""A transaction on the rows of one space. All statements are built here, so each is restricted to the space.

    with space.write() as scope:
        scope.all(scope.select(choices).where(choices.c.person_id == person))

Other modules of this package must not import ``select``, ``insert``, ``update`` or ``delete``; a test checks that.
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

if TYPE_CHECKING:  # in SQLAlchemy 2.1 the type of a row depends on its columns
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
        """Select rows of this space; the whole row if no columns are given."""
        return select(*(columns or table.c)).select_from(table).where(table.c.space_id == self.space_id)

    def settings(self, column: ColumnElement[Any]) -> Any:
        """A column of the space's own row."""
        return self.connection.execute(select(column).where(spaces.c.id == self.space_id)).scalar_one()

    def update(self, table: Table) -> Update:
        """Update rows of this space."""
        return update(table).where(table.c.space_id == self.space_id)

    def delete(self, table: Table) -> Delete:
        """Delete rows of this space."""
        return delete(table).where(table.c.space_id == self.space_id)

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows for this space."""
        for at in range(0, len(rows), _ROWS_A_STATEMENT):
            part = [{**one, "space_id": self.space_id} for one in rows[at : at + _ROWS_A_STATEMENT]]
            self.connection.execute(table.insert(), part)

    def insert_returning(self, table: Table, row: Mapping[str, Any], column: ColumnElement[Any]) -> Any:
        """Insert one row for this space; returns the generated value of ``column``."""
        statement = table.insert().values({**row, "space_id": self.space_id}).returning(column)
        return self.connection.execute(statement).scalar_one()

    def upsert(
        self,
        table: Table,
        row: Mapping[str, Any],
        keys: Sequence[str],
        change: Mapping[str, Any] | None = None,
    ) -> bool:
        """Insert a row, or update the row with its keys (keep it if ``change`` is None). Returns whether it wrote.

        Values of ``change`` may be expressions over the columns of the existing row.
        """
        dialect = sqlite if self.connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(table).values({**row, "space_id": self.space_id})
        if change is None:
            statement = statement.on_conflict_do_nothing(index_elements=list(keys))
        else:
            statement = statement.on_conflict_do_update(index_elements=list(keys), set_=dict(change))
        # without the option SQLAlchemy does not report the row count of an INSERT for some tables
        return self.connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount > 0

    def run(self, statement: Update | Delete) -> int:
        """Execute a statement; returns the number of affected rows."""
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
        """The number of rows, counted up to ``most``."""
        found = select(func.count()).select_from(statement.limit(most).subquery())
        return int(self.connection.execute(found).scalar_one())

    def stream(self, statement: AnySelect, size: int = 1000) -> Iterator[AnyRow]:
        """Iterate over rows, with ``size`` in memory at a time."""
        yield from self.connection.execution_options(yield_per=size).execute(statement)


def query(table: Table, columns: Sequence[ColumnElement[Any]], *conditions: ColumnElement[Any]) -> Query:
    """A query on the space given as ``space_id``, compiled once; for the queries of every prediction."""
    return Query(select(*columns).where(table.c.space_id == bindparam("space_id"), *conditions))


class SpaceTables:
    """Base of the classes that read and write the rows of one space."""

    def __init__(self, database: Database, space_id: int) -> None:
        self._database, self.space_id = database, space_id

    def _first(self, wanted: Query, **values: Any) -> tuple[Any, ...] | None:
        """The first row in this space, or None."""
        return self._database.first(wanted, {"space_id": self.space_id, **values})

    @contextmanager
    def _read(self) -> Iterator[Scope]:
        """A read transaction (snapshot) on this space."""
        with self._database.read() as connection:
            yield Scope(connection, self.space_id)

    @contextmanager
    def _write(self, *, durable: bool = True) -> Iterator[Scope]:
        """A write transaction on this space; one that is not ``durable`` can be lost in a power failure."""
        with self._database.write(durable=durable) as connection:
            yield Scope(connection, self.space_id)
