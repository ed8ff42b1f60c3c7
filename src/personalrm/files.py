"""All writing to disk: atomic file replacement, SQLite databases and JSON records (locks: `personalrm.locks`).

replace_file(path, b"...")                       # atomic: the old file stays until the new one is complete
with replacing(path) as out: torch.save(x, out)  # the same for code that writes to an open file
db = open_database(path, "CREATE TABLE IF NOT EXISTS …")
read_record(path, Manifest, "manifest", schema=1)
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sqlite3
import threading
import time
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeVar

import orjson

from personalrm.errors import DataError, PersonalrmError, StorageError
from personalrm.regular_files import content_of

MEMORY = ":memory:"
"""Name of an in-memory database."""
WAIT_FOR_OTHERS_S = 60.0
"""Seconds that a connection waits for another process that writes to the database."""
WAIT_FOR_READER_S = 2.0
"""Seconds that a pipe may be without a reader before writing to it fails."""
UNFINISHED = ".unfinished"
"""Ending of a file that is being written; it follows ``NAME.PROCESS-THREAD``."""

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG)
"""Error numbers of a full disk, a used-up quota and a file beyond the largest size allowed."""
_WAYS_OUT = {
    **dict.fromkeys(_FULL, "free some space and run the same command again"),
    errno.EROFS: "choose another place",
    errno.EACCES: "choose another place, or change the permissions",
    errno.EPERM: "choose another place, or change the permissions",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "a part of the path is a file: choose another place",
    errno.ELOOP: "the path is a circle of symbolic links: choose another place",
    errno.ENXIO: "name a file",
}
"""What to do about an error of the file system."""

_SQLITE_WAYS_OUT = {
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), "wait until the other process ends, and run again"),
    **dict.fromkeys((sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT), "choose another file"),
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM), _WAYS_OUT[errno.EACCES]),
}

NO_OTHERS: Any = {"extra": "forbid"}
"""``__pydantic_config__`` of a record that rejects unknown fields."""

T = TypeVar("T")


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """A temporary file to write to; it replaces ``path`` when the block succeeds and is removed otherwise.

    Args:
        private: make the file readable by its owner only (mode 0600).

    Raises:
        OSError: the file cannot be written; ``path`` is unchanged.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{UNFINISHED}")
    try:
        with new_file(unfinished, 0o600 if private else 0o666) as out:
            yield out
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def new_file(path: Path, mode: int = 0o666) -> IO[bytes]:
    """An empty file open for writing, with permissions ``mode`` minus the umask.

    A file that a killed process left at ``path`` is removed. A symbolic link at ``path`` is not followed.
    """
    path.unlink(missing_ok=True)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")  # noqa: PTH123


def replace_file(path: Path, content: bytes | Iterable[bytes], *, private: bool = False) -> int:
    """Write a file atomically: an existing file is replaced only when the new one is complete. Raises OSError.

    Returns the number of blocks written.
    """
    count = 0
    with replacing(path, private=private) as out:
        for block in [content] if isinstance(content, bytes) else content:
            out.write(block)
            count += 1
    return count


def write_through(path: Path, content: bytes) -> None:
    """Write to a pipe or a device, which cannot be replaced. OSError also if a pipe has no reader."""
    no_wait = getattr(os, "O_NONBLOCK", 0)  # without it, opening waits for a reader
    waits_until = time.monotonic() + WAIT_FOR_READER_S
    while True:
        try:
            number = os.open(path, os.O_WRONLY | no_wait)
            break
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > waits_until:
                raise OSError(errno.ENXIO, "it is a pipe without a reader", str(path)) from None
            time.sleep(0.02)
    if no_wait:
        os.set_blocking(number, True)
    with open(number, "wb") as out:  # noqa: PTH123 - a file descriptor
        out.write(content)


@contextlib.contextmanager
def stored(path: Path) -> Iterator[None]:
    """Convert an OSError of the block into a StorageError that names ``path`` and says what to do."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {reason(error)}") from error


def reason(error: OSError | sqlite3.Error) -> str:
    """The description of an error by the system or SQLite, and what to do about it if that is known."""
    if isinstance(error, OSError):
        way_out = _WAYS_OUT.get(error.errno or 0)
        return f"{error.strerror or error}{f': {way_out}' if way_out else ''}"
    if is_full(error):
        return f"the disk is full or failing: {_WAYS_OUT[errno.ENOSPC]}"
    way_out = _SQLITE_WAYS_OUT.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    return f"{error}{f': {way_out}' if way_out else ''}"


@contextlib.contextmanager
def making(folder: Path) -> Iterator[None]:
    """Create a folder for the block; if the block fails, the created folders are removed unless something is in them.

    Raises:
        OSError: the folder cannot be created.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]  # the deepest first
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for one in made:
                one.rmdir()
        raise


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
    """Create the file of a SQLite database, readable by its owner only; it is removed if the block finds a full disk.

    It stays if the file was there before, and after every other error: another process may use it by then.

    Raises:
        OSError: the file cannot be created.
    """
    is_new = not path.exists()
    path.touch(mode=0o600)  # it holds personal data
    try:
        yield
    except (sqlite3.Error, OSError, StorageError) as error:
        if is_new and is_full(error):
            remove_database(path)
        raise


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
            busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() >= until:
                raise
        time.sleep(0.005)


def is_full(error: BaseException | None) -> bool:
    """Whether the disk is full: SQLITE_FULL or, if the log cannot grow, one of the SQLITE_IOERR codes; ENOSPC."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def to_json(record: object) -> bytes:
    """A record as indented JSON with a final newline."""
    return orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_object(
    path: Path, what: str, schema: int | None = None, error: type[PersonalrmError] = DataError
) -> dict[str, Any]:
    """The JSON object in a file that personalrm wrote.

    Args:
        what: name of the file's kind for error messages, such as "manifest".
        schema: newest readable version if the file has a field ``schema``; None if it has none.
        error: class of the errors raised.

    Raises:
        DataError, or ``error``: the file is missing, is not a JSON object, or has a newer version.
    """
    try:
        found = orjson.loads(content_of(path).removeprefix(BOM_UTF8))
    except OSError as reason:
        raise error(f"the {what} {path} cannot be read: {reason.strerror or reason}") from None
    except orjson.JSONDecodeError as reason:
        raise error(f"the {what} {path} is damaged: expected JSON ({reason})") from None
    if not isinstance(found, dict):
        raise error(f"the {what} {path} is damaged: expected a JSON object, found {type(found).__name__}")
    if schema is not None:
        _check_schema(found.get("schema"), path, what, schema, error)
    return found


def read_record(
    path: Path, kind: type[T], what: str, schema: int | None = None, error: type[PersonalrmError] = DataError
) -> T:
    """A record that personalrm wrote, validated field by field; arguments and errors as `read_object`."""
    return checked(read_object(path, what, schema, error), kind, f"the {what} {path}", error)


def checked(found: object, kind: type[T], where: str, error: type[PersonalrmError] = DataError) -> T:
    """JSON values as the dataclass ``kind``; raises ``error``, naming ``where`` and the first invalid field."""
    from pydantic import ValidationError  # importing takes 0.1 s, needed for reading only

    which: Any = kind
    try:
        record: T = _adapter(which).validate_python(found)
        return record
    except ValidationError as reason:
        first = reason.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise error(f"{where}, field '{field}': {first['msg'].lower()}") from None
    except TypeError as reason:  # from a dataclass that validates its arguments
        raise error(f"{where}: {reason}") from None


@cache
def _adapter(kind: Any) -> Any:
    return importlib.import_module("pydantic").TypeAdapter(kind)  # building it takes longer than validating a record


def _check_schema(found: object, path: Path, what: str, newest: int, error: type[PersonalrmError]) -> None:
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise error(f"the {what} {path}, field 'schema': expected a number from 1 to {newest}")
    if found > newest:
        raise error(
            f"the {what} {path} was written by a newer personalrm (schema {found}; this version reads up to {newest}): "
            "update personalrm to open it"
        )
