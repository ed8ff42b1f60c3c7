"""All writing to disk: atomic file replacement and JSON records (`personalrm.locks`, `personalrm.databases`).

replace_file(path, b"...")                       # atomic: the old file stays until the new one is complete
with replacing(path) as out: torch.save(x, out)  # the same for code that writes to an open file
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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, TypeVar

import orjson

from personalrm.errors import DataError, PersonalrmError, StorageError, printable
from personalrm.regular_files import content_of

WAIT_FOR_READER_S = 2.0
"""Seconds that a pipe may be without a reader before writing to it fails."""
LONG_NAME = 180
"""Bytes of a file's name, of 255 on most systems, that leave room for what is added to it."""
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
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "a part of the path is a file: choose another place"),
    errno.ENOENT: "check the path",
    errno.ELOOP: "the path is a circle of symbolic links: choose another place",
    errno.ENXIO: "name a file",
}
"""What to do about an error of the file system."""
DISK_FULL = f"the disk is full or failing: {_WAYS_OUT[errno.ENOSPC]}"
"""Reason of writers whose errors do not tell why they failed."""

_SQLITE_WAYS_OUT = {
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), "wait until the other process ends, and run again"),
    **dict.fromkeys((sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT), "choose another file"),
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM), _WAYS_OUT[errno.EACCES]),
}

BROKEN = "has half a surrogate pair (a broken emoji), which is not valid text"
"""What is wrong with a text that UTF-8 cannot encode."""
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
    unfinished = beside(path, f".{os.getpid()}-{threading.get_ident()}{UNFINISHED}")
    try:
        with new_file(unfinished, 0o600 if private else 0o666) as out:
            yield out
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def beside(path: Path, ending: str) -> Path:
    """A hidden file beside ``path``: ``.NAME`` and the ending; a name near the system's limit is replaced by a hash."""
    name = path.name if len(os.fsencode(path.name)) <= LONG_NAME else blake2b(os.fsencode(path.name)).hexdigest()
    return path.with_name(f".{name}{ending}")


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
        return DISK_FULL
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


def is_full(error: BaseException | None) -> bool:
    """Whether the disk is full: SQLITE_FULL or, if the log cannot grow, one of the SQLITE_IOERR codes; ENOSPC."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def to_json(record: object) -> bytes:
    """A record as indented JSON with a final newline; errors as `json_bytes`."""
    return json_bytes(record, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def json_bytes(record: object, option: int = 0) -> bytes:
    """A record as JSON; ``option`` is orjson's.

    Raises:
        DataError: a text has half a surrogate pair, which UTF-8 cannot encode; its place is named.
    """
    try:
        return orjson.dumps(record, option=option)
    except TypeError:
        place = broken_text(record)
        if place is None:
            raise
        raise DataError(f"{place} {BROKEN}") from None


def broken_text(record: object) -> str | None:
    """The place of the first text of a record that UTF-8 cannot encode, such as ``history.choices.3.user``."""
    if isinstance(record, str):
        return None if printable(record) == record else ""
    if is_dataclass(record):
        parts: Iterable[tuple[object, object]] = ((one.name, getattr(record, one.name, None)) for one in fields(record))
    elif isinstance(record, Mapping):
        if any(broken_text(name) is not None for name in record):
            return "a name"
        parts = record.items()
    else:
        parts = enumerate(record) if isinstance(record, (list, tuple)) else ()
    for name, value in parts:
        if (place := broken_text(value)) is not None:
            return f"{name}.{place}" if place else str(name)
    return None


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
