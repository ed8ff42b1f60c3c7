"""All writing to disk: atomic file replacement, folder locks, SQLite databases and JSON records.

replace_file(path, b"...")                       # atomic: the old file stays until the new one is complete
with replacing(path) as out: torch.save(x, out)  # the same for code that writes to an open file
with hold(folder, "run of train"): ...           # a second process that locks the folder gets a DataError
db = open_database(path, "CREATE TABLE IF NOT EXISTS …")
read_record(path, Manifest, "manifest", schema=1)
"""

from __future__ import annotations

import contextlib
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
LOCK = ".lock"
_UNFINISHED = ".unfinished"

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
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}{_UNFINISHED}")
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


@contextlib.contextmanager
def stored(path: Path) -> Iterator[None]:
    """Convert an OSError of the block into a StorageError that names ``path``."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


class Lock:
    """An exclusive write lock on a folder or file, held until `release` or the end of a ``with`` block.

    The lock is the operating system's (flock) and ends with the process; the lock file holds the process id.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file, self.made = path, file, False

    def release(self) -> None:
        """Release the lock; a second call does nothing. The folder is removed if it is empty."""
        if self._file.closed:
            return
        with contextlib.suppress(OSError):
            self._path.unlink()  # before the lock is released, so that no process waits on a deleted file
            if self.made:
                self._path.parent.rmdir()  # an OSError unless it is empty
        self._file.close()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def hold(folder: Path, work: str) -> Lock:
    """Lock a folder, which is created if absent. Unfinished files of killed processes in it are removed.

    Args:
        work: name of the operation for the other process's error: "another ``run of train`` is writing to …".

    Raises:
        DataError: another process holds the lock; the message names it.
        StorageError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{folder} is a file: name a folder")
    made = not folder.exists()
    lock = _hold(folder / LOCK, f"another {work}", folder)
    lock.made = made
    _remove_unfinished(folder)
    return lock


def hold_file(path: Path, work: str) -> Lock:
    """Lock a file during a read-modify-write; arguments and errors as `hold`."""
    return _hold(path.with_name(f".{path.name}{LOCK}"), f"another {work}", path)


def _hold(path: Path, other: str, held: Path) -> Lock:
    with stored(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with stored(path):
            # without following symbolic links: the target's content would be overwritten
            number = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        file = os.fdopen(number, "r+b")
        if not _locked(file):
            holder = _holder(file)
            file.close()
            raise DataError(f"{other}{holder} is writing to {held}: wait for it, or choose another place")
        if _is_same(file, path):
            break
        file.close()  # the previous holder removed it between our open and our lock
    with stored(path):
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
    return Lock(path, file)


def _locked(file: IO[bytes]) -> bool:
    """Whether the operating system granted the lock."""
    try:
        import fcntl
    except ImportError:
        return _locked_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: the process named in the file holds it while it runs
        return not _is_alive(_read_pid(file))
    return True


def _locked_on_windows(file: IO[bytes]) -> bool:
    msvcrt: Any = importlib.import_module("msvcrt")
    file.seek(1 << 20)  # a byte beyond what is read
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def _is_same(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _read_pid(file: IO[bytes]) -> int | None:
    file.seek(0)
    text = file.read(32).strip()
    return int(text) if text.isdigit() else None


def _holder(file: IO[bytes]) -> str:
    pid = _read_pid(file)
    return "" if pid is None else f" (process {pid})"


def _is_alive(pid: int | None) -> bool:
    """Whether another process with this id is running; true where that cannot be determined."""
    if pid is None or pid == os.getpid():
        return False
    if os.name == "nt":  # on Windows signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove_unfinished(folder: Path) -> None:
    """Remove the unfinished files of killed processes."""
    for pattern in (f".*{_UNFINISHED}", f"*/.*{_UNFINISHED}"):
        for left in folder.glob(pattern):
            pid = left.name.removesuffix(_UNFINISHED).rpartition(".")[2].partition("-")[0]
            if pid.isdigit() and not _is_alive(int(pid)):
                left.unlink(missing_ok=True)


def open_database(path: str | Path, schema: str, *, wait_s: float = WAIT_FOR_OTHERS_S) -> sqlite3.Connection:
    """A SQLite file that several processes can share: write-ahead log, autocommit, readable by its owner only.

    Args:
        path: created with its folder if absent; `MEMORY` for an in-memory database.
        schema: SQL statements that create missing tables.
        wait_s: seconds to wait for another process that writes.

    Raises:
        sqlite3.Error, OSError: the file cannot be opened, or is not a database.
    """
    if str(path) != MEMORY:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)  # it holds personal data
    db = sqlite3.connect(path, timeout=wait_s, isolation_level=None, check_same_thread=False)
    try:
        use_write_ahead_log(db, wait_s)
        db.execute("PRAGMA synchronous = NORMAL")  # survives kill -9; a power cut may lose the last seconds
        db.executescript(schema)
    except BaseException:
        db.close()
        raise
    return db


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


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk is full: SQLITE_FULL or, if the log cannot grow, one of the SQLITE_IOERR codes."""
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
