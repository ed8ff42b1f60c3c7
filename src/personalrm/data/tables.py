"""Rows of CSV and TSV files; cells may hold a conversation as JSON, or plain text.

    user,context,chosen,rejected
    ada,"[{""role"": ""user"", ""content"": ""Hi""}]",Hello!,?
    ada,Hi,Hello!,?                              (plain text: one user message)

Empty cells count as nothing given. A line number is that of the record's first line.
"""

from __future__ import annotations

import ast
import csv
import io
import re
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO

import orjson

from personalrm.data.columns import LISTS, PROMPTS, SCORES, SIDES
from personalrm.data.fields import Fields
from personalrm.errors import DataError, RowError

# Far above any real response, and low enough that a quote left open does not swallow a large file into memory.
_CELL_LIMIT = 1 << 24
_RESPONSES = {"chosen", "rejected", *chain.from_iterable(SIDES)}
_JSON = {*LISTS, *SCORES, "judges", "stated"}
_OBJECTS = re.compile(r"\[\s*\{\s*['\"]")


def csv_rows(stream: IO[bytes], path: Path) -> Iterator[tuple[int, Fields | RowError]]:
    """Records with the number of their first line; bytes that are not UTF-8 are left for the field's check to report.

    Raises:
        DataError: the header names a column twice or is not readable.
    """
    # The limit is the csv module's own and holds for the process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), _CELL_LIMIT))
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        records = _Records(text)
        header = [name.strip() for name in records.header(path)]
        twice = {name for name in header if header.count(name) > 1 and name}
        if twice:
            raise DataError(f"{path}: the header names column '{min(twice)}' twice")
        for line, record in records:
            yield line, record if isinstance(record, RowError) else _row(header, record)


class _Records:
    """The csv module's records with the line each begins on, faults included.

    Strict parsing, because otherwise a quote left open swallows all rows after it without a word.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        first = text.readline()
        self._delimiter = max(",;\t", key=first.count)
        self._reader = csv.reader(_rejoined(first, text), delimiter=self._delimiter, strict=True)

    def header(self, path: Path) -> list[str]:
        for _, record in self:
            if isinstance(record, RowError):
                raise DataError(f"{path}: the header cannot be read: {record.found}")
            return record
        raise DataError(f"{path} is empty: it holds no choices")

    def __iter__(self) -> Iterator[tuple[int, list[str] | RowError]]:
        while True:
            line = self._reader.line_num + 1
            try:
                record = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, RowError("a CSV record", found=_fault(error))
                continue
            if record and (len(record) > 1 or not record[0].isspace()):
                yield line, record


def _rejoined(first: str, rest: io.TextIOWrapper) -> Iterator[str]:
    yield first
    yield from rest


def _fault(error: csv.Error) -> str:
    words = str(error)
    if "unexpected end" in words or "field limit" in words:
        return "a quote that is never closed"
    return "a quote inside a quoted cell (double it)" if "expected after" in words else words


def _row(header: list[str], record: list[str]) -> Fields | RowError:
    if len(record) != len(header):
        return RowError(f"{len(header)} cells as in the header", found=f"{len(record)}")
    row: dict[str, object] = {}
    try:
        for name, cell in zip(header, record, strict=True):
            row[name] = _value(name, cell) if cell[:1] in ("[", "{") else cell or None
    except RowError as error:
        return error
    return row


def _value(name: str, cell: str) -> object:
    """What a cell that begins with a bracket holds: data where the column may hold data, else the text itself."""
    if name in _JSON:
        return _decoded(cell, name)
    if name in _RESPONSES:
        found = _conversation(cell)
        return cell if found is None else found
    if name not in PROMPTS:
        return cell
    if cell.strip() == "[]":
        return []
    # A prompt may begin with a bracket; one that begins like a list of objects is a conversation or a broken one.
    return _decoded(cell, name) if _OBJECTS.match(cell) else _conversation(cell) or cell


def is_conversation(cell: str) -> bool:
    """Whether a response's cell is read as messages rather than as the text it is."""
    return cell[:1] in ("[", "{") and _conversation(cell) is not None


def _conversation(cell: str) -> object:
    """A message or a list of messages; None if the cell is anything else."""
    if not cell.startswith("{") and not _OBJECTS.match(cell):
        return None
    try:
        value = _decoded(cell, "")
    except RowError:
        return None
    turns = value if isinstance(value, list) else [value]
    return value if all(isinstance(turn, dict) and {"role", "content"} <= turn.keys() for turn in turns) else None


def _decoded(cell: str, name: str) -> object:
    """JSON, or the Python literal that pandas writes for lists and objects."""
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        pass
    try:
        with warnings.catch_warnings():  # an odd backslash in the text is no business of the user's
            warnings.simplefilter("ignore")
            return ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise RowError("JSON", field=name, found=f"'{cell[:30]}…' which is none") from None
