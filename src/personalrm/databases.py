"""SQLite files that several processes share.

db = open_database(path, "CREATE TABLE IF NOT EXISTS …")
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from personalrm.files import is_full, making

MEMORY = ":memory:"
"""Name of an in-memory database."""
WAIT_FOR_OTHERS_S = 60.0
"""Seconds that a connection waits for another process that writes to the database."""


def open_database(path: str | Path, schema: str, *, wait_s: float = WAIT_FOR_OTHERS_S) -> sqlite3.Connection:
    """A SQLite file that several processes can share: write-ahead log, autocommit, readable by its owner only.

    Args:
        path: created with its folder if absent; `MEMORY` for an in-memory database.
        schema: SQL statements that create missing tables.
        wait_s: seconds to wait for another process that writes.

    Raises:
        sqlite3.Error, OSError: the file cannot be opened, or is not a database. On a full disk no new file is left.
    """
    if str(path) == MEMORY:
        return _opened(path, schema, wait_s)
    with making(Path(path).parent), new_database(Path(path)):
        return _opened(path, schema, wait_s)


def _opened(path: str | Path, schema: str, wait_s: float) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
    try:
        use_write_ahead_log(db, wait_s)
        db.execute("PRAGMA synchronous = NORMAL")  # survives kill -9; a power cut may lose the last seconds
        db.executescript(schema)
    except BaseException:
        db.close()
        raise
    return db


@contextlib.contextmanager
def new_database(path: Path) -> Iterator[None]:
    """Create the file of a SQLite database, readable by its owner only; it is removed if the block finds a full disk,
    or leaves it empty.

    It stays if it was there before, and after every other error: another process may use it by then.

    Raises:
        OSError: the file cannot be created.
    """
    if path.exists() and not path.is_file():
        raise IsADirectoryError(errno.EISDIR, "it is a directory, a pipe or a device", str(path))
    is_new = not os.path.lexists(path)  # also a symbolic link to no file stays
    path.touch(mode=0o600)  # it holds personal data
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if is_new and (is_full(error) or (path.exists() and not path.stat().st_size)):
            remove_database(path)
        raise


def is_busy(error: BaseException) -> bool:
    """Whether another connection has held the file for longer than this one waits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_empty_database(path: Path) -> bool:
    """Whether a SQLite file exists and holds no tables. Its log is not read if the disk has no room for the index."""
    for mode in ("mode=ro", "immutable=1"):
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as db,
        ):
            return not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return False


def remove_database(path: Path) -> None:
    """Remove a SQLite file and the files of its log."""
    for ending in ("", "-wal", "-shm", "-journal"):
        with contextlib.suppress(OSError):
            path.with_name(path.name + ending).unlink()


def use_write_ahead_log(db: sqlite3.Connection, wait_s: float) -> None:
    """Set ``journal_mode = WAL``, waiting while another connection holds the file.

    The busy timeout of a connection does not cover this statement: SQLite returns SQLITE_BUSY immediately if waiting
    could deadlock (https://sqlite.org/c3ref/busy_handler.html), for example if several processes open a new file.

    Raises:
        sqlite3.Error: SQLITE_BUSY after ``wait_s`` seconds; any other error immediately.
    """
    until = time.monotonic() + wait_s
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= until:
                raise
        time.sleep(0.005)
