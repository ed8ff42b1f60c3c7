"""Everything that is written goes through here: whole files, folders with one writer, databases, records in JSON.

replace_file(path, b"...")                       # the old file stays until the new one is complete
with replacing(path) as out: torch.save(x, out)  # the same for whoever writes into an open file
with hold(folder, "run of train"): ...           # another process that wants the folder is refused
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

MEMORY = ":memory:"
"""Name of a database that is kept nowhere."""
WAIT_FOR_OTHERS_S = 60.0
"""How long a database waits for another process that writes to it."""
LOCK = ".lock"
_UNFINISHED = ".unfinished"

NO_OTHERS: Any = {"extra": "forbid"}
"""``__pydantic_config__`` of a record in which a field that is not known is a fault."""

T = TypeVar("T")


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """A file to write into; it takes the place of ``path`` when the block ends well, and vanishes otherwise.

    Args:
        private: only this user may read the file (mode 0600).

    Raises:
        OSError: it cannot be written; what stood at ``path`` is as it was.
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
    """An empty file to write into, with ``mode`` as far as the umask allows it.

    What a killed process left at ``path`` is removed. A link that somebody planted there is not followed.
    """
    path.unlink(missing_ok=True)
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")  # noqa: PTH123


def replace_file(path: Path, content: bytes | Iterable[bytes], *, private: bool = False) -> int:
    """Write the file; an existing one is replaced only when the new one is complete. OSError if it cannot be.

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
    """Turn the system's refusal to write at `path` into a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


class Lock:
    """A folder or file that this process alone writes to, until `release` or the end of a ``with`` block.

    The lock is the system's (flock), which ends with the process however it dies; its file names the process.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file, self.made = path, file, False

    def release(self) -> None:
        """Let others in; a second call does nothing. A folder that was made for nothing is removed."""
        if self._file.closed:
            return
        with contextlib.suppress(OSError):
            self._path.unlink()  # while it is still held, so that nobody waits for a file that is gone
            if self.made:
                self._path.parent.rmdir()  # an OSError unless it is empty
        self._file.close()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def hold(folder: Path, work: str) -> Lock:
    """Keep other processes out of a folder, which is made if there is none. What killed processes left half
    written in it is removed.

    Args:
        work: what writes to it, for the other process's error: "another ``run of train`` is writing to …".

    Raises:
        DataError: another process holds the folder; the message says which.
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
    """Keep other processes from changing a file between our reading and our writing it; see `hold`."""
    return _hold(path.with_name(f".{path.name}{LOCK}"), f"another {work}", path)


def _hold(path: Path, other: str, held: Path) -> Lock:
    with stored(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with stored(path):
            # not through a link that somebody planted: what it points to would lose its content
            number = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        file = os.fdopen(number, "r+b")
        if not _locked(file):
            holder = _holder(file)
            file.close()
            raise DataError(f"{other}{holder} is writing to {held}: wait for it, or choose another place")
        if _is_same(file, path):
            break
        file.close()  # its holder removed it between our opening and locking it
    with stored(path):
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
    return Lock(path, file)


def _locked(file: IO[bytes]) -> bool:
    """Whether the system gave us the file."""
    try:
        import fcntl
    except ImportError:
        return _locked_on_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: whoever is named in the file holds it while they live
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
    """Whether a process of this number runs, other than ourselves; where that cannot be known, yes."""
    if pid is None or pid == os.getpid():
        return False
    if os.name == "nt":  # there the signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left half written."""
    for pattern in (f".*{_UNFINISHED}", f"*/.*{_UNFINISHED}"):
        for left in folder.glob(pattern):
            pid = left.name.removesuffix(_UNFINISHED).rpartition(".")[2].partition("-")[0]
            if pid.isdigit() and not _is_alive(int(pid)):
                left.unlink(missing_ok=True)


def open_database(path: str | Path, schema: str, *, wait_s: float = WAIT_FOR_OTHERS_S) -> sqlite3.Connection:
    """A SQLite file that several processes may share: write-ahead log, each statement committed, readable by us alone.

    Args:
        path: made with its folder if absent; `MEMORY` keeps nothing.
        schema: statements that make the tables if they are not there.
        wait_s: how long to wait for another process that writes.

    Raises:
        sqlite3.Error, OSError: it cannot be opened, or is no database.
    """
    if str(path) != MEMORY:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch(mode=0o600)  # what is in it is about persons
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

    The busy timeout of a connection does not cover this statement: SQLite answers SQLITE_BUSY at once where waiting
    could be a deadlock (https://sqlite.org/c3ref/busy_handler.html), as when several open a new file together.

    Raises:
        sqlite3.Error: SQLITE_BUSY after ``wait_s`` seconds; any other error at once.
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
    """A full disk shows as SQLITE_FULL or, when the log cannot grow, as one of the SQLITE_IOERR codes."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def to_json(record: object) -> bytes:
    """A record as it is written: readable JSON with a newline at its end."""
    return orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def read_object(
    path: Path, what: str, schema: int | None = None, error: type[PersonalrmError] = DataError
) -> dict[str, Any]:
    """The JSON object in a file that personalrm wrote.

    Args:
        what: it is, for errors: "manifest".
        schema: the newest version that can be read, where the file names its own in ``schema``; None if it does not.
        error: the kind of error to raise.

    Raises:
        DataError, or ``error``: no such file, no JSON object, or a newer version.
    """
    try:
        found = orjson.loads(path.read_bytes().removeprefix(BOM_UTF8))
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
    """A record that personalrm wrote, checked field by field; see `read_object` for arguments and errors."""
    return checked(read_object(path, what, schema, error), kind, f"the {what} {path}", error)


def checked(found: object, kind: type[T], where: str, error: type[PersonalrmError] = DataError) -> T:
    """JSON values as the dataclass ``kind``; an error of that kind names ``where`` and the first field at fault."""
    from pydantic import ValidationError  # 0.1 s that only reading needs

    which: Any = kind
    try:
        record: T = _adapter(which).validate_python(found)
        return record
    except ValidationError as reason:
        first = reason.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise error(f"{where}, field '{field}': {first['msg'].lower()}") from None
    except TypeError as reason:  # of a dataclass that checks its own arguments
        raise error(f"{where}: {reason}") from None


@cache
def _adapter(kind: Any) -> Any:
    return importlib.import_module("pydantic").TypeAdapter(kind)  # takes longer than checking a record


def _check_schema(found: object, path: Path, what: str, newest: int, error: type[PersonalrmError]) -> None:
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise error(f"the {what} {path}, field 'schema': expected a number from 1 to {newest}")
    if found > newest:
        raise error(
            f"the {what} {path} was written by a newer personalrm (schema {found}; this version reads up to {newest}): "
            "update personalrm to open it"
        )
