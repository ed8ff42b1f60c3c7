"""The version of a database, and its upgrade to the version of this code.

Migrations are files in ``migrations/versions``, named by the release that needs them. All pending migrations run in one
transaction under an exclusive lock: after a crash the database is unchanged. Meanwhile `require_ready` reports that the
database is being migrated: on PostgreSQL the lock is visible to other processes; on SQLite a mark is written first,
which the migration's transaction removes.
"""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from personalrm.errors import StorageError, StoreBusy, StoreUnavailable
from personalrm.store.database import Database
from personalrm.store.schema import REVISION
from personalrm.store.schema_base import metadata

_LOCK = 0x7065726D  # id of the PostgreSQL advisory lock; an arbitrary constant
_MARK = 1  # value of SQLite's user_version during a migration
WAIT_FOR_MIGRATION_S = 60.0
FOLDER = Path(__file__).parent / "migrations"


def revision(database: Database) -> str | None:
    """The version of the database; None if it is empty.

    Raises:
        StorageError: it contains other tables, or cannot be read.
    """
    with database.read() as connection:
        return _revision(connection, database)


def upgrade(database: Database) -> str | None:
    """Upgrade the database to this code's version; returns the previous version. Does nothing if it is current.

    Raises:
        StorageError: a newer personalrm has written it, or it contains other tables.
        StoreBusy: other writers have held it for a minute.
    """
    until = time.monotonic() + WAIT_FOR_MIGRATION_S
    while True:
        try:
            return _upgrade(database)
        except StoreBusy:  # the database waits only a few seconds, and a migration can take longer
            if time.monotonic() >= until:
                raise
        time.sleep(0.01)


def require_ready(database: Database, needed: str = REVISION) -> None:
    """StoreUnavailable while the database is being migrated, or if it has another version than needed."""
    with database.read() as connection:
        found = _revision(connection, database)
        if _is_migrating(connection, database):
            raise StoreUnavailable(
                f"{database.shown} is being migrated from version {found}; wait until the migration ends"
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
    """Set or clear the migration mark of a SQLite database, if it still has this version."""
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
        if is_left:  # from a newer personalrm that was killed before it changed anything
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
    """StorageError, with what to do, unless the database has this code's version."""
    found = revision(database)
    if found == REVISION:
        return
    if found is None:
        raise StorageError(f"{database.shown} is empty: `personalrm serve migrate` creates its tables")
    require_known(found, database)
    raise StorageError(
        f"{database.shown} has version {found}, this personalrm needs {REVISION}: run `personalrm serve migrate`"
    )


def _revision(connection: Connection, database: Database) -> str | None:
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        if tables & set(metadata.tables):
            raise StorageError(
                f"{database.shown} contains tables of these names that personalrm did not create: choose another"
            )
        return None
    rows = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    if len(rows) > 1:
        raise StorageError(f"{database.shown} records {len(rows)} versions: restore it from a backup")
    return rows[0] if rows else None


def _run(connection: Connection, found: str | None, database: Database) -> None:
    from alembic import command  # takes 0.4 s, which a current database does not need
    from alembic.config import Config

    require_known(found, database)
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def require_known(found: str | None, database: Database) -> None:
    """StorageError if this code does not support the version."""
    from alembic.script import ScriptDirectory

    known = {one.revision for one in ScriptDirectory(str(FOLDER)).walk_revisions()}
    if found is not None and found not in known:
        raise StorageError(
            f"{database.shown} was written by a newer personalrm (version {found}; this version supports up to "
            f"{REVISION}): update personalrm to open it"
        )
