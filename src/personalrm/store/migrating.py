"""The version of a database, and bringing it to the version of this code.

Migrations are files in ``migrations/versions``, named by the release that needs them. All pending ones run in one
transaction, under a lock that keeps other processes out: after a crash the database is as it was before. Meanwhile
`require_ready` says that the database is being migrated: PostgreSQL shows the lock to others, and in SQLite a mark is
written beforehand, which the migration's own transaction takes away.
"""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from personalrm.errors import StorageError, StoreBusy, StoreUnavailable
from personalrm.store.database import Database
from personalrm.store.schema import REVISION
from personalrm.store.schema_base import metadata

_LOCK = 0x7065726D  # of PostgreSQL's advisory locks: any number that nobody else takes
_MARK = 1  # of SQLite's user_version
WAIT_FOR_MIGRATION_S = 60.0
FOLDER = Path(__file__).parent / "migrations"


def revision(database: Database) -> str | None:
    """The version of the database; None if it is empty.

    Raises:
        StorageError: it holds other tables, or cannot be read.
    """
    with database.read() as connection:
        return _revision(connection, database)


def upgrade(database: Database) -> str | None:
    """Bring the database to this code's version; returns what it was. Does nothing where it is current.

    Raises:
        StorageError: a newer personalrm has written it, or it holds other tables.
        StoreBusy: others have been writing for a minute.
    """
    until = time.monotonic() + WAIT_FOR_MIGRATION_S
    while True:
        try:
            return _upgrade(database)
        except StoreBusy:  # a database waits for a few seconds only; another process may be migrating for longer
            if time.monotonic() >= until:
                raise
        time.sleep(0.01)


def require_ready(database: Database, needed: str = REVISION) -> None:
    """StoreUnavailable while the database is migrated, or if it does not have the version that is needed."""
    with database.read() as connection:
        found = _revision(connection, database)
        if _is_migrating(connection, database):
            raise StoreUnavailable(
                f"{database.shown} is being migrated from version {found}; wait until that has ended"
            )
    if found != needed:
        raise StoreUnavailable(
            f"{database.shown} has version {found}, this service needs {needed}: start the personalrm that migrated it"
        )


def _is_migrating(connection: Connection, database: Database) -> bool:
    if database.is_sqlite:
        return connection.exec_driver_sql("PRAGMA user_version").scalar() == _MARK
    free = connection.execute(text("SELECT pg_try_advisory_xact_lock_shared(:lock)"), {"lock": _LOCK}).scalar()
    return not free


def _mark(database: Database, found: str | None, mark: int) -> None:
    """Write the mark of a SQLite database that has this version (still)."""
    if not database.is_sqlite:
        return
    with database.write() as connection:
        if _revision(connection, database) == found:
            connection.exec_driver_sql(f"PRAGMA user_version = {mark}")


def _upgrade(database: Database) -> str | None:
    found = revision(database)
    if found == REVISION:
        with database.read() as connection:
            is_left = database.is_sqlite and _is_migrating(connection, database)
        if is_left:  # by a newer personalrm that was killed before it had changed anything
            _mark(database, found, 0)
        return found
    if found is None:
        return _migrate(database)
    require_known(found, database)
    _mark(database, found, _MARK)
    try:
        return _migrate(database)
    except BaseException:
        _mark(database, found, 0)
        raise


def _migrate(database: Database) -> str | None:
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = _revision(connection, database)
        if found != REVISION:
            _run(connection, found, database)
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA user_version = 0")
    return found


def require_current(database: Database) -> None:
    """StorageError, with the way out, unless the database has this code's version."""
    found = revision(database)
    if found == REVISION:
        return
    if found is None:
        raise StorageError(f"{database.shown} is empty: `personalrm serve migrate` makes its tables")
    require_known(found, database)
    raise StorageError(
        f"{database.shown} has version {found}, this personalrm needs {REVISION}: run `personalrm serve migrate`"
    )


def _revision(connection: Connection, database: Database) -> str | None:
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if tables & set(metadata.tables):
            raise StorageError(
                f"{database.shown} holds tables of these names that personalrm did not make: name another"
            )
        return None
    rows = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if len(rows) > 1:
        raise StorageError(f"{database.shown} has {len(rows)} versions at once: restore it from a backup")
    return rows[0] if rows else None


def _run(connection: Connection, found: str | None, database: Database) -> None:
    from alembic import command  # 0.4 s that a current database does not need
    from alembic.config import Config

    require_known(found, database)
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def require_known(found: str | None, database: Database) -> None:
    """StorageError if the version is none that this code knows."""
    from alembic.script import ScriptDirectory

    known = {one.revision for one in ScriptDirectory(str(FOLDER)).walk_revisions()}
    if found is not None and found not in known:
        raise StorageError(
            f"{database.shown} was written by a newer personalrm (version {found}; this one knows up to {REVISION}): "
            "update personalrm to open it"
        )
