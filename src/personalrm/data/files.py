"""Rows of a file with their line numbers, one at a time: JSONL, JSON array, CSV/TSV (each also gzipped), Parquet, hub.

The extension says what a text file is; where it says nothing the content does. Compression and Parquet are recognised
by their first bytes whatever the name. A row that cannot be read at all comes out as a `RowError` in its place, so that
the reader can count it and go on; a fault of the whole file raises `DataError`.

    for line, row in rows("choices.jsonl.gz"):      # row: a mapping of columns, or a RowError
        ...

Memory: one line (JSONL), one record (CSV), one batch of a row group (Parquet). A JSON array is read whole.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson

from personalrm.data.fields import Fields, describe
from personalrm.errors import DataError, RowError

Row = tuple[int, Fields | RowError]
HUB = "hub:"

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet): unpack it, or save it as CSV",
    b"\x28\xb5\x2f\xfd": "zstd-compressed: decompress it, or use gzip",
    b"\xfd7zXZ": "xz-compressed: decompress it, or use gzip",
    b"BZh": "bzip2-compressed: decompress it, or use gzip",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
}
_BUFFER = 1 << 18  # iterating gzip through a buffer of our own is three times as fast as GzipFile alone


def rows(source: str | Path) -> Iterator[Row]:
    """Every row of the file or hub set (``hub:owner/name[/config][:split]``) with its 1-based line or row number.

    Raises:
        DataError: there is no such file, it cannot be opened, it is of no kind we read, or it is damaged.
        MissingExtra: Parquet or a hub set is asked for and its package is not installed.
    """
    name = str(source)
    if name.startswith(HUB):
        from personalrm.data.columnar import hub_rows

        return hub_rows(name.removeprefix(HUB))
    path = Path(source)
    kind = _kind(path)
    if kind == "parquet":
        from personalrm.data.columnar import parquet_rows

        return parquet_rows(path)
    return _guarded(path, kind)


def name_of(path: str | Path) -> str:
    """What results call a file or a hub set."""
    return str(path) if str(path).startswith(HUB) else Path(path).name


def _kind(path: Path) -> str:
    """json, csv or parquet; checks on the way that the file can be read at all."""
    if path.is_dir():
        raise DataError(f"{path} is a directory: name a file of choices in it")
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(_PARQUET):
            return "parquet"
        with _open(path) as stream:
            start = stream.read(4096)
    except FileNotFoundError:
        raise DataError(f"there is no file {path}: check the path") from None
    except EOFError:
        raise DataError(f"{path} is cut off: the end of its gzip data is missing; fetch it again") from None
    except (gzip.BadGzipFile, zlib.error):
        raise DataError(f"{path} is damaged: its gzip data cannot be read; fetch it again") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            raise DataError(f"{path} is {what}")
    return _kind_of_text(path, start.removeprefix(_BOM).lstrip())


def _kind_of_text(path: Path, start: bytes) -> str:
    if not start:
        raise DataError(f"{path} is empty: it holds no choices")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    named = [suffix for suffix in suffixes if suffix in (".jsonl", ".ndjson", ".json", ".csv", ".tsv")]
    if named:
        return "csv" if named[-1] in (".csv", ".tsv") else "json"
    return "json" if start[:1] in (b"{", b"[") else "csv"


def _open(path: Path) -> IO[bytes]:
    file = path.open("rb")
    magic = file.read(2)
    file.seek(0)
    if magic != _GZIP:
        return file
    return io.BufferedReader(_OwningGzip(file), _BUFFER)


class _OwningGzip(gzip.GzipFile):
    """Closes the file beneath it, which GzipFile leaves open when it was handed a file object."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._beneath = file

    def close(self) -> None:
        super().close()
        self._beneath.close()


def _guarded(path: Path, kind: str) -> Iterator[Row]:
    """The rows of a text file; whatever goes wrong while reading becomes one clear sentence."""
    line = 0
    try:
        with _open(path) as stream:
            if kind == "csv":
                from personalrm.data.tables import csv_rows

                found = csv_rows(stream, path)
            else:
                found = _json_rows(stream, path)
            for line, row in found:
                yield line, row
    except EOFError:
        what = "the end of its gzip data is missing; fetch it again"
        raise DataError(f"{path} is cut off after line {line}: {what}") from None
    except (gzip.BadGzipFile, zlib.error):
        raise DataError(f"{path} is damaged after line {line}: its gzip data cannot be read; fetch it again") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read beyond line {line}: {error.strerror or error}") from error


def _json_rows(stream: IO[bytes], path: Path) -> Iterator[Row]:
    first = next(_numbered(stream), None)
    if first is None:
        return
    number, line = first
    if line.lstrip().startswith(b"["):
        yield from _array_rows(line + stream.read(), path)
        return
    yield number, _object(line)
    for later, line in _numbered(stream, number + 1):
        yield later, _object(line)


def _numbered(stream: IO[bytes], start: int = 1) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something, with their numbers; the byte order mark of the first is dropped."""
    for number, line in enumerate(stream, start):
        content = line.removeprefix(_BOM) if number == 1 else line
        if not content.isspace() and content:
            yield number, content


def _object(line: bytes) -> Fields | RowError:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = _second_look(line)
        if isinstance(value, RowError):
            return value
    if not isinstance(value, dict):
        return RowError("a JSON object", found=describe(value))
    return value


def _second_look(data: bytes) -> object:
    """Why orjson refused: the value after all (NaN, lone surrogates: the field's check tells more), or the fault."""
    try:
        return json.loads(data.decode())
    except UnicodeDecodeError as error:
        return RowError("UTF-8 text", found=f"the byte 0x{data[error.start]:02x} at byte {error.start + 1} of the line")
    except json.JSONDecodeError as error:
        return RowError("a JSON object", found=f"invalid JSON at character {error.pos + 1} ({error.msg})")
    except (RecursionError, ValueError):  # ValueError: a number of more than 4,300 digits
        return RowError("a JSON object", found="JSON nested too deeply or a number too long")


def _array_rows(data: bytes, path: Path) -> Iterator[Row]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _second_look(data)
        if isinstance(value, RowError):
            raise DataError(f"{path} starts like a JSON array but is none: found {value.found}") from None
    for number, row in enumerate(value, 1):
        yield number, row if isinstance(row, dict) else RowError("a JSON object", found=describe(row))
