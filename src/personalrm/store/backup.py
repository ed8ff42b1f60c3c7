"""Backups of a database in use: SQLite's backup API, PostgreSQL's ``pg_dump``.

backup(store.database, Path("monday.sqlite"))
restore(Path("monday.sqlite"), "sqlite:///people.sqlite")       # the database must be empty
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import URL

from personalrm.errors import DataError, StorageError
from personalrm.files import new_file, stored
from personalrm.store.database import Database, parse_url
from personalrm.store.migrating import require_known, revision


def backup(database: Database, target: Path) -> int:
    """Write a backup of the database and return its size in bytes.

    Raises:
        StorageError: the file exists or cannot be written; pg_dump is missing or fails.
    """
    if target.exists():
        raise StorageError(f"{target} already exists: choose another file")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        with stored(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            new_file(unfinished, 0o600).close()
            if database.is_sqlite:
                _copy_sqlite(Path(database.url.database or ""), unfinished)
            else:
                _run_postgresql("pg_dump", database.url, ["--format=custom", f"--file={unfinished}"])
            unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target.stat().st_size


def restore(source: Path, url: str) -> str:
    """Restore a backup into an empty database; returns the version of its tables. A failure leaves nothing behind.

    Raises:
        DataError: the backup is of another kind of database, or is damaged.
        StorageError: the database is not empty or cannot be written.
    """
    if not source.is_file():
        raise DataError(f"{source}: expected a file that `personalrm serve backup` wrote")
    target = parse_url(url)
    is_sqlite = target.get_backend_name() == "sqlite"
    _check(source, is_sqlite=is_sqlite)
    if is_sqlite:
        return _restore_sqlite(source, target)
    with closing(Database(target)) as database:
        _require_empty(database)
        _run_postgresql("pg_restore", database.url, ["--single-transaction", "--no-owner", str(source)])
        return _version(database)


def _restore_sqlite(source: Path, url: URL) -> str:
    """Copy beside the database, and rename when the copy is complete."""
    if url.database in (None, "", ":memory:"):
        raise DataError("--database: expected sqlite:///FILE, found a database in memory")
    target = Path(url.database).resolve()
    if target.exists():
        with closing(Database(url)) as database:
            _require_empty(database)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        with stored(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            new_file(unfinished, 0o600).close()
            _copy_sqlite(source, unfinished)
            with closing(Database(url.set(database=str(unfinished)))) as database:
                version = _version(database)
            unfinished.replace(target)
    finally:
        for ending in ("", "-wal", "-shm"):
            unfinished.with_name(unfinished.name + ending).unlink(missing_ok=True)
    return version


def _require_empty(database: Database) -> None:
    if revision(database) is not None:
        raise StorageError(f"{database.shown} is not empty: choose a new database, or move the existing one")


def _version(database: Database) -> str:
    """The version of a restored database. StorageError if this code does not know it, or there are no tables."""
    found = revision(database)
    require_known(found, database)
    if found is None:
        raise StorageError("the backup has no tables of personalrm: choose a file that `personalrm serve backup` wrote")
    return found


def _check(source: Path, *, is_sqlite: bool) -> None:
    """DataError unless the backup is complete and of this kind of database."""
    with source.open("rb") as copy_file:
        head = copy_file.read(16)
    if is_sqlite:
        if head != b"SQLite format 3\0":
            raise DataError(f"{source}: expected a backup of a SQLite database")
        try:
            with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as copy:
                found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            found = str(error)
        if found != "ok":
            raise DataError(f"{source} is damaged: {found}")
    elif head[:5] != b"PGDMP":
        raise DataError(f"{source}: expected a backup written by pg_dump (--format=custom)")


def _copy_sqlite(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as one,
            closing(sqlite3.connect(target)) as two,
        ):
            one.backup(two)
            two.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise StorageError(f"{target} cannot be written: {error}") from None


def _run_postgresql(program: str, url: URL, arguments: list[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise StorageError(f"{program} is not installed: it comes with PostgreSQL's client programs")
    plain = url.set(drivername="postgresql")
    # the password is passed in the environment, because other users can read command lines
    environment = {**os.environ, **({"PGPASSWORD": str(plain.password)} if plain.password else {})}
    target = plain.set(password=None).render_as_string(hide_password=False)
    done = subprocess.run(
        [found, f"--dbname={target}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise StorageError(f"{program} failed: {lines[-1]}")
