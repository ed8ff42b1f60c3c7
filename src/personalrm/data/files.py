"""Read rows of a file with their line numbers: JSON (lines, arrays, wrapped), CSV, Parquet, and hub data sets.

The format of a text file is recognized by its extension, else by its content. Compression (gzip, bzip2, xz, zstd if the
package is installed), Parquet and UTF-16 are recognized by the first bytes. A row that cannot be read is returned as a
`RowError`, so that the reader can count it and continue; an error of the whole file raises `DataError`.

    for line, row in rows("choices.jsonl.gz"):      # row: a mapping of columns, or a RowError
        ...

Memory: one row, or one batch of a row group (Parquet).
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from personalrm.data.compressed import opened
from personalrm.data.fields import Fields
from personalrm.data.limits import DEFAULT, Limits
from personalrm.data.spooling import regular_file
from personalrm.errors import DataError, RowError, printable

Row = tuple[int, Fields | RowError]
HUB = "hub:"
STDIN = "-"

_NAMED = 3
_BOM = b"\xef\xbb\xbf"
_PARQUET = b"PAR1"
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or a spreadsheet (.xlsx, .ods, .numbers): unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file: save the sheet as CSV",
    b"%PDF": "a PDF: the choices are needed as JSON or CSV",
    b"SQLite format 3": "a SQLite database: export the table as CSV",
    b"ARROW1": "an Arrow file: save it as Parquet",
    b"\x89HDF": "an HDF5 file: save it as Parquet or CSV",
    b"\x80\x04": "a Python pickle, which is not read: save it as JSON",
    b"<html": "a web page: was the file downloaded whole?",
    b"<!DOC": "a web page: was the file downloaded whole?",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself: fetch it with `git lfs pull`",
}
_TEXTS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".tab", ".txt")


def rows(source: str | Path, limits: Limits = DEFAULT) -> Iterator[Row]:
    """Yield every row of a file or hub data set with its 1-based line or row number.

    Args:
        source: a path, a pipe, ``-`` for stdin, or ``hub:owner/name[/config][:split]``.
        limits: size limits.

    Raises:
        DataError: the file is missing, damaged, of an unknown format, or cannot be opened.
        MissingExtra: the package for Parquet or hub data sets is not installed.
    """
    name = str(source)
    if name.startswith(HUB):
        from personalrm.data.columnar import hub_rows

        return hub_rows(name.removeprefix(HUB))
    path = regular_file(source)
    kind = _kind(path, name)
    if kind == "parquet":
        from personalrm.data.columnar import parquet_rows

        return parquet_rows(path)
    return _guarded(path, name_of(source) if path != Path(source) else name, kind, limits)


def name_of(path: str | Path | Sequence[str | Path] | object) -> str:
    """The name of an input in results: file name, hub name, a list of these, or "rows" for rows in memory.

    Bytes that are not UTF-8 are escaped, because results are stored as UTF-8.
    """
    if isinstance(path, list | tuple) and path and all(isinstance(one, str | Path) for one in path):
        named = [name_of(one) for one in path]
        return ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")
    if not isinstance(path, str | Path):
        return "rows"
    name = str(path)
    return "stdin" if name == STDIN else name if name.startswith(HUB) else printable(Path(path).name)


def _kind(path: Path, name: str) -> str:
    """The format of a file ("json", "csv" or "parquet"). Raises DataError if it cannot be read."""
    if path.is_dir():
        raise DataError(f"{name} is a directory: name a file of choices in it")
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(_PARQUET):
            return "parquet"
        with opened(path) as stream:
            start = stream.read(4096)
    except FileNotFoundError:
        raise DataError(f"there is no file {name}: check the path") from None
    except EOFError:
        raise DataError(f"{name} is cut off: the end of its compressed data is missing; fetch it again") from None
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError):
        raise DataError(f"{name} is damaged: its compressed data cannot be read; fetch it again") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a path with a NUL in it
        raise DataError(f"{name!r} is not a path: {error}") from None
    for magic, what in _FOREIGN.items():
        if start.lstrip().startswith(magic):
            raise DataError(f"{name} is {what}")
    return _kind_of_text(path, name, start.removeprefix(_BOM).lstrip())


def _kind_of_text(path: Path, name: str, start: bytes) -> str:
    if not start:
        raise DataError(f"{name} is empty: it has no choices")
    named = [suffix for suffix in (one.lower() for one in path.suffixes) if suffix in _TEXTS]
    looks = "json" if start[:1] in (b"{", b"[") else "csv"
    if named and named[-1] != ".txt" and not start.startswith((b'{"', b'[{"')):
        return "csv" if named[-1] in (".csv", ".tsv", ".tab") else "json"
    return looks


def _guarded(path: Path, name: str, kind: str, limits: Limits) -> Iterator[Row]:
    """The rows of a text file; read errors are raised as DataError with the line number."""
    line = 0
    try:
        with opened(path) as stream:
            for line, row in _text_rows(stream, Path(name), kind, limits):
                yield line, row
    except EOFError:
        what = "the end of its compressed data is missing; fetch it again"
        raise DataError(f"{name} is cut off after line {line}: {what}") from None
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError):
        what = "its compressed data cannot be read; fetch it again"
        raise DataError(f"{name} is damaged after line {line}: {what}") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read beyond line {line}: {error.strerror or error}") from error


def _text_rows(stream: IO[bytes], path: Path, kind: str, limits: Limits) -> Iterator[Row]:
    if kind == "csv":
        from personalrm.data.tables import csv_rows

        return csv_rows(stream, path, limits)
    from personalrm.data.json_rows import json_rows

    return json_rows(stream, path, limits)
