"""A database: SQLite (WAL) in a file, or PostgreSQL. The only module that handles their differences.

    database = Database("sqlite:///people.sqlite")          # or postgresql://user:password@host/name
    with database.read() as connection: ...                 # a snapshot
    with database.write() as connection: ...                # committed at the end, rolled back on any error

Driver errors are converted to `StoreBusy`, `StoreFull`, `StoreUnavailable`, `StoreConflict` or `StorageError` here. A
password in the URL never appears in a message.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import StaticPool

from personalrm.databases import is_empty_database, remove_database, use_write_ahead_log
from personalrm.errors import DataError, MissingExtra, StoreBusy, StoreFull
from personalrm.files import making, stored
from personalrm.llm.credentials import without_user
from personalrm.store.driver_errors import converted

WAIT_FOR_OTHERS_S = 5.0
"""How long a writer waits for other writers before it raises StoreBusy."""
POOL = 8
DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")
_PRAGMAS = (
    "synchronous = NORMAL",  # commits survive a crash of the process; with `_prepare_durable` also a power failure
    "foreign_keys = ON",
    "secure_delete = ON",  # deleted content is overwritten
    "cache_size = -65536",
)


def default_url() -> str:
    """The URL in PERSONALRM_DATABASE, else a SQLite file in the user's data folder."""
    named = os.environ.get("PERSONALRM_DATABASE")
    if named:
        return named
    base = os.environ.get("XDG_DATA_HOME")
    folder = (Path(base) if base else Path.home() / ".local" / "share") / "personalrm"
    return f"sqlite:///{folder / 'personalrm.sqlite'}"


def parse_url(text: str) -> URL:
    """Parse a database URL; a plain path is a SQLite file. DataError if it is neither."""
    if "://" not in text:
        text = f"sqlite:///{text}"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise DataError("--database: expected sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in DRIVERS:
        raise DataError(
            f"--database: expected sqlite:///FILE or postgresql://USER@HOST/NAME, found '{url.drivername}://'"
        )
    return url


class Query:
    """A statement with ``bindparam``s that is compiled once, for `Database.first`."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._texts: dict[str, tuple[str, tuple[str, ...] | None]] = {}

    def compiled(self, engine: Engine) -> tuple[str, tuple[str, ...] | None]:
        """The SQL, and for drivers with positional parameters their names in order."""
        found = self._texts.get(engine.dialect.name)
        if found is None:
            made = self._statement.compile(dialect=engine.dialect)
            order = None if made.positiontup is None else tuple(made.positiontup)
            found = self._texts[engine.dialect.name] = str(made), order
        return found


class Database:
    """See the module's docstring. Thread-safe.

    Args:
        url: as in `parse_url`; ``sqlite://`` is an in-memory database.
        pool: maximum idle connections, for PostgreSQL.

    Raises:
        DataError: unsupported kind of database. StorageError: the file's folder cannot be created.
        MissingExtra: the driver is not installed.
    """

    def __init__(self, url: str | URL, pool: int = POOL) -> None:
        self.url = parse_url(url) if isinstance(url, str) else url
        self.is_sqlite = self.kind == "sqlite"
        self.in_memory = self.is_sqlite and self.url.database in (None, "", ":memory:")
        self._is_new = False
        self._writing = threading.RLock()
        self.engine = self._engine(pool)
        self._relaxed = self._sqlite(durable=False) if self.is_sqlite and not self.in_memory else self.engine
        # PostgreSQL's default gives each statement a snapshot of its own
        self._reading = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )
        self._driver_error: type[BaseException] = self.engine.dialect.loaded_dbapi.Error

    @property
    def kind(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.url.get_backend_name()

    @property
    def shown(self) -> str:
        """The URL without its password and options."""
        shown = self.url.set(query={}).render_as_string(hide_password=True)
        return shown if shown.count("@") < 2 else without_user(shown)  # a password with an unescaped @

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only connection; all its statements see the database at one moment."""
        with self._turn(self.in_memory), self.translated(), self._reading.connect() as connection:
            yield connection

    def first(self, query: Query, values: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The first row of a query, or None; 5 times faster than `read`, for the queries of every prediction."""
        text, names = query.compiled(self.engine)
        given = values if names is None else [values[name] for name in names]
        with self._turn(self.in_memory), self.translated():
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(text, given)
                found: tuple[Any, ...] | None = cursor.fetchone()
                cursor.close()
                return found
            finally:
                connection.close()

    @contextlib.contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction. SQLite allows one writer at a time.

        Args:
            durable: whether the commit is flushed to disk before this returns (5 ms). Otherwise it survives a crash of
                the process but can be lost in a power failure: use it for data that can be recomputed.
        """
        engine = self.engine if durable else self._relaxed
        with self._turn(self.is_sqlite), self.translated(), engine.connect() as plain:
            connection = plain.execution_options(personalrm_write=True)
            with connection.begin():
                if not durable and not self.is_sqlite:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield connection

    def close(self) -> None:
        """Close all connections; they are reopened when needed."""
        self.engine.dispose()
        self._relaxed.dispose()

    def remove_if_new(self, *, filled: bool = False) -> None:
        """Remove the SQLite file that this object created: after a failure nothing is left.

        Args:
            filled: also if it holds tables, which only this object has written.
        """
        if not self._is_new:
            return
        self.close()
        if filled or is_empty_database(Path(self.url.database or "")):
            remove_database(Path(self.url.database or ""))

    @contextlib.contextmanager
    def _turn(self, needed: bool) -> Iterator[None]:
        """Queue the writers of this process: a lock is fair and wakes at once, while SQLite polls."""
        if not needed:
            yield
            return
        if not self._writing.acquire(timeout=WAIT_FOR_OTHERS_S):
            raise StoreBusy(f"{self.shown} is busy: other writers have held it for {WAIT_FOR_OTHERS_S:g} s; try again")
        try:
            yield
        finally:
            self._writing.release()

    def _engine(self, pool: int) -> Engine:
        try:
            return self._sqlite() if self.is_sqlite else self._postgresql(pool)
        except ModuleNotFoundError:
            raise MissingExtra("PostgreSQL needs psycopg: pip install 'personalrm[serve]'") from None

    def _sqlite(self, *, durable: bool = True) -> Engine:
        arguments: dict[str, Any] = {"check_same_thread": False, "timeout": WAIT_FOR_OTHERS_S}
        if self.in_memory:
            engine = create_engine(self.url, connect_args=arguments, poolclass=StaticPool)
        else:
            file = Path(self.url.database or "")
            with stored(file), making(file.parent):
                if file.exists() and not file.is_file():
                    raise IsADirectoryError(errno.EISDIR, "it is a directory, a pipe or a device")
                self._is_new = self._is_new or not os.path.lexists(file)  # a symbolic link to no file stays
                file.touch(mode=0o600)  # personal data
            engine = create_engine(self.url, connect_args=arguments, pool_size=POOL, max_overflow=56)
        event.listen(engine, "connect", _prepare_durable if durable else _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _postgresql(self, pool: int) -> Engine:
        options = "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"
        return create_engine(
            self.url,
            connect_args={"connect_timeout": 5, "options": options},
            pool_size=pool,
            max_overflow=2 * pool,
            pool_timeout=WAIT_FOR_OTHERS_S,
            pool_pre_ping=True,
        )

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Convert driver errors; needed for rows that are read after `read`'s block has ended."""
        try:
            yield
        except PoolTimeout:
            raise StoreBusy(f"{self.shown} is busy: all connections are in use; try again") from None
        except (DBAPIError, self._driver_error) as error:
            driver = error.orig if isinstance(error, DBAPIError) else error
            found = converted(driver, self.shown, is_sqlite=self.is_sqlite)
            if found is None:
                raise
            if isinstance(found, StoreFull):
                self.remove_if_new()
            raise found from None


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # `_begin_sqlite` starts transactions; see `write`
    use_write_ahead_log(connection, WAIT_FOR_OTHERS_S)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _prepare_durable(connection: sqlite3.Connection, record: object) -> None:
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA synchronous = FULL")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("personalrm_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
