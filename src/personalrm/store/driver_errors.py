"""Errors of the database drivers as this package's errors."""

from __future__ import annotations

import re
import sqlite3

from personalrm.errors import (
    DataError,
    PersonalrmError,
    StorageError,
    StoreBusy,
    StoreConflict,
    StoreFull,
    StoreUnavailable,
)

_UNAVAILABLE = ("08", "57P")
_BUSY = ("40001", "40P01", "55P03", "57014")
_FULL = ("53100", "53200")
_CONFLICTS = ("23503", "23505")
"""A row that this one refers to is gone (an erased person), or another transaction has inserted the same key."""
_SQLITE_CONFLICTS = (
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
)
_NO_SUCH = re.compile(r"no such (table|column)|has no column named")
_NO_SUCH_STATES = ("42P01", "42703")
"""Errors about missing tables and columns: another version of personalrm has migrated the database meanwhile."""


def converted(error: BaseException | None, shown: str, *, is_sqlite: bool) -> PersonalrmError | None:
    """The error to raise for a driver's error; None if it is a fault of this package.

    Args:
        error: the driver's error.
        shown: the database's URL without its password.
        is_sqlite: whether the driver is SQLite's, else PostgreSQL's.
    """
    return _of_sqlite(error, shown) if is_sqlite else _of_postgresql(error, shown)


def _of_another_version(shown: str) -> StorageError:
    return StoreUnavailable(
        f"{shown} lacks tables or columns that this personalrm needs: it is being migrated or restored, "
        "or another version has migrated it"
    )


def _of_sqlite(error: BaseException | None, shown: str) -> PersonalrmError | None:
    whole = getattr(error, "sqlite_errorcode", 0)
    if whole in _SQLITE_CONFLICTS:
        return _conflict()
    code = whole & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"{shown} is busy: another process is writing to it; try again")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return StoreFull(f"the disk that holds {shown} is full or failing: free disk space and try again")
    if code == sqlite3.SQLITE_SCHEMA or (code == sqlite3.SQLITE_ERROR and _NO_SUCH.search(str(error))):
        return _of_another_version(shown)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StorageError(f"{shown} is not a SQLite database or is damaged: restore it from a backup")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StorageError(f"{shown} cannot be opened for writing: choose another place, or change the permissions")
    return None


def _of_postgresql(error: BaseException | None, shown: str) -> PersonalrmError | None:
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(_UNAVAILABLE) or (type(error).__name__ == "OperationalError" and not state):
        return StoreUnavailable(f"{shown} cannot be reached: check that PostgreSQL is running and try again")
    if state in _BUSY:
        return StoreBusy(f"{shown} is busy: the rows are locked by other transactions; try again")
    if state in _CONFLICTS:
        return _conflict()
    if state in _FULL:
        return StoreFull(f"the disk or the memory of {shown} is full: free space and try again")
    if state in _NO_SUCH_STATES:
        return _of_another_version(shown)
    if "NUL (0x00)" in str(error):  # the driver has no code for it
        return DataError("a text contains the character U+0000, which PostgreSQL cannot store")
    if state.startswith(("28", "3D")):
        return StorageError(f"{shown} refuses the connection: check user, password and database name")
    return None


def _conflict() -> StoreConflict:
    return StoreConflict("another request has changed the same data at the same time, or erased the person; try again")
