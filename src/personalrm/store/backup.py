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

from personalrm.databases import remove_database
from personalrm.errors import DataError, StorageError
from personalrm.files import UNFINISHED, beside, new_file, reason, stored
from personalrm.llm.credentials import of_database
from personalrm.store.database import Database
from personalrm.store.migrating import require_known, revision


def backup(database: Database, target: Path) -> int:
    """Write a backup of the database and return its size in bytes.

    Raises:
        StorageError: the file exists or cannot be written; pg_dump is missing or fails.
    """
    if target.exists():
        raise StorageError(f"{target} already exists: choose another file")
    unfinished = beside(target, f".{os.getpid()}{UNFINISHED}")
    try:
        with stored(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            new_file(unfinished, 0o600).close()
            if database.is_sqlite:
                _copy_sqlite(Path(database.url.database or ""), unfinished, target, in_use=True)
            else:
                _run_postgresql("pg_dump", database.url, ["--format=custom", f"--file={unfinished}"])
            unfinished.rename(target)
    finally:
        remove_database(unfinished)
    return target.stat().st_size


def restore(source: Path, url: str) -> str:
    """Restore a backup into an empty database; returns the version of its tables.

    Raises:
        DataError: the backup is of another kind of database, or is damaged.
        StorageError: the database is not empty or cannot be written.
    """
    if not source.is_file():
        raise DataError(f"{source}: expected a file that `personalrm serve backup` wrote")
    database = Database(url)
    try:
        if revision(database) is not None:
            raise StorageError(f"{database.shown} is not empty: choose a new database, or move the existing one")
        _check(source, database)
        if database.is_sqlite:
            database.close()
            file = Path(database.url.database or "")
            _copy_sqlite(source, file, file, in_use=False)
        else:
            _run_postgresql("pg_restore", database.url, ["--single-transaction", "--no-owner", str(source)])
        found = revision(database)
        require_known(found, database)
        if found is None:
            raise DataError(f"{source}: expected a backup of personalrm's database, found none of its tables")
        return found
    except BaseException:
        database.remove_if_new(filled=True)
        raise
    finally:
        database.close()


def _check(source: Path, database: Database) -> None:
    """DataError unless the backup is complete and of this kind of database."""
    with source.open("rb") as copy_file:
        head = copy_file.read(16)
    if database.is_sqlite:
        if head != b"SQLite format 3\0":
            raise DataError(f"{source}: expected a backup of a SQLite database")
        try:
            with closing(_reading(source, in_use=False)) as copy:
                found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            found = str(error)
        if found != "ok":
            raise DataError(f"{source} is damaged: {found}")
    elif head[:5] != b"PGDMP":
        raise DataError(f"{source}: expected a backup written by pg_dump (--format=custom)")


def _reading(source: Path, *, in_use: bool) -> sqlite3.Connection:
    """A read-only connection; if the file is not in use, nothing is written beside it: its folder may be read-only."""
    in_use = in_use or source.with_name(f"{source.name}-wal").exists()
    mode = "mode=ro" if in_use else "immutable=1"
    return sqlite3.connect(f"{source.absolute().as_uri()}?{mode}", uri=True)


def _copy_sqlite(source: Path, target: Path, named: Path, *, in_use: bool) -> None:
    """Copy a database; StorageError with ``named`` for the target."""
    try:
        with closing(_reading(source, in_use=in_use)) as one, closing(sqlite3.connect(target)) as two:
            one.backup(two)
            two.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise StorageError(f"{named} cannot be written: {reason(error)}") from None


def _run_postgresql(program: str, url: URL, arguments: list[str]) -> None:
    found = shutil.which(program)
    if found is None:
        raise StorageError(f"{program} is not installed: it comes with PostgreSQL's client programs")
    plain = url.set(drivername="postgresql")
    # the password is passed in the environment, because other users can read command lines
    password = plain.password or plain.query.get("password")
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    target = plain.set(password=None).difference_update_query(["password"]).render_as_string(hide_password=False)
    done = subprocess.run(
        [found, f"--dbname={target}", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        secrets = of_database(plain.render_as_string(hide_password=False))
        raise StorageError(f"{program} failed: {secrets.scrub(lines[-1])}")
