"""Read rows of CSV files (delimited by commas, semicolons, tabs or bars); cells may contain JSON or plain text.

    user,context,chosen,rejected
    ada,"[{""role"": ""user"", ""content"": ""Hi""}]",Hello!,?
    ada,Hi,Hello!,?                              (plain text: one user message)

Empty cells are missing values. The line number of a record is that of its first line.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from personalrm.data.fields import Fields
from personalrm.data.limits import Limits
from personalrm.errors import DataError, RowError

_QUOTED = re.compile(r'"[^"]*+"')
_BLOCK, _MANY = 1 << 16, 64
_RECOVERIES = 20
"""Maximum number of unclosed quotes after which reading resumes at the next line; each may cost a full row limit."""


def csv_rows(stream: IO[bytes], path: Path, limits: Limits) -> Iterator[tuple[int, Fields | RowError]]:
    """Yield records with the number of their first line; invalid UTF-8 is reported later, by the check of the field.

    Raises:
        DataError: the header has a repeated column or cannot be read.
    """
    csv.field_size_limit(limits.row)
    with io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        records = _Records(text, path, limits)
        header = _checked(records.header(path), path, limits)
        wrong: dict[int, RowError] = {}
        for line, record in records:
            if isinstance(record, RowError):
                yield line, record
            elif any(record):
                yield line, _row(header, record, wrong)


def _checked(header: list[str], path: Path, limits: Limits) -> list[str]:
    if len(header) > limits.columns:
        raise DataError(
            f"{path}: {limits.exceeded('columns', 'columns')} can be read, but the header has {len(header):,}"
        )
    names = [name.strip() or f"column {at}" for at, name in enumerate(header, 1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: the header has column '{min(twice)}' twice")
    return names


class _Lines:
    """Iterator over physical lines that can return the lines of a record to be read again.

    A line that is too long raises RowError, and the next call continues after it. ``number`` is the number of the next
    line, ``taken`` the lines of the current record. From the 64th line of a record on, lines without a quote are
    returned in blocks, because an unclosed quote makes a record of a million lines.
    """

    def __init__(self, first: str, number: int, text: io.TextIOWrapper, limits: Limits) -> None:
        self._source: io.StringIO | io.TextIOWrapper = io.StringIO(first, newline="")
        self._text, self._limits, self._most = text, limits, limits.row
        self.number = number
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._source.readline(self._most + 1)
        if not line:
            if self._source is self._text:
                raise StopIteration
            self._source = self._text  # all returned lines have been read again
            return self.__next__()
        self.number += 1
        if len(line) > self._most:
            while (rest := self._source.readline(_BLOCK)) and rest[-1] not in "\r\n":
                pass
            raise RowError(f"a line of {self._limits.exceeded('row', 'bytes')}", found="a longer one")
        if len(self.taken) >= _MANY and '"' not in line:
            line += self._without_quotes()
        self.taken.append(line)
        return line

    def _without_quotes(self) -> str:
        """The lines of the next block before the first one with a quote."""
        block = self._source.read(min(_BLOCK, self._most)) + self._source.readline(self._most)
        quote = block.find('"')
        cut = len(block) if quote < 0 else max(block.rfind("\n", 0, quote), block.rfind("\r", 0, quote)) + 1
        if cut < len(block):
            self._give_back(block[cut:])
        self.number += _count(block[:cut])
        return block[:cut]

    def give_back(self) -> None:
        """Return all lines of the current record except the first, to be read again."""
        lines = "".join(self.taken[1:])
        self.taken.clear()
        self.number -= _count(lines)
        self._give_back(lines)

    def _give_back(self, lines: str) -> None:
        waiting = "" if self._source is self._text else self._source.read()
        self._source = io.StringIO(lines + waiting, newline="")


def _count(lines: str) -> int:
    """Number of lines of a text; the last line of a file may lack its line break."""
    ends = lines.count("\n") + lines.count("\r") - lines.count("\r\n")
    return ends + (bool(lines) and lines[-1] not in "\r\n")


class _Records:
    """Iterator over (first line number, record or RowError) of the csv module.

    Parsing is strict, because otherwise an unclosed quote silently consumes all following rows.
    """

    def __init__(self, text: io.TextIOWrapper, path: Path, limits: Limits) -> None:
        first = text.readline(limits.row + 1)
        if len(first) > limits.row:
            raise DataError(f"{path}: expected a header line of {limits.exceeded('row', 'bytes')}, found a longer one")
        marks = _QUOTED.sub("", first)
        self._delimiter = max(",;\t|", key=marks.count)
        if first.lower().startswith("sep=") and len(first.strip()) == 5:  # Excel's delimiter declaration
            self._delimiter, first = first[4], text.readline(limits.row)
        self._limits, self._recovered = limits, 0
        self._lines = _Lines(first, 1, text, limits)
        self._reader = csv.reader(self._lines, delimiter=self._delimiter, strict=True)

    def header(self, path: Path) -> list[str]:
        for _, record in self:
            if isinstance(record, RowError):
                raise DataError(f"{path}: the header cannot be read: {record.found}")
            return record
        raise DataError(f"{path} is empty: it has no choices")

    def __iter__(self) -> Iterator[tuple[int, list[str] | RowError]]:
        while True:
            line = self._lines.number
            self._lines.taken.clear()
            try:
                record = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                found = self._fault(error)
                if "never closed" in found and self._recovered < _RECOVERIES:
                    self._recovered += 1
                    self._lines.give_back()
                yield line, RowError("a CSV record", found=found)
                continue
            except RowError as error:
                yield line, error
                continue
            if record and (len(record) > 1 or not record[0].isspace()):
                yield line, record

    def _fault(self, error: csv.Error) -> str:
        words = str(error)
        if "field limit" in words:
            return f"a quote that is never closed, or a cell of more than {self._limits.row:,} bytes (--limit row=…)"
        if "unexpected end" in words:
            return "a quote that is never closed"
        return "a quote inside a quoted cell (double it)" if "expected after" in words else words


def _row(header: list[str], record: list[str], wrong: dict[int, RowError]) -> Fields | RowError:
    """The cells by their columns. ``wrong`` keeps the faults: behind a quote left open there may be millions of one."""
    while len(record) > len(header) and not record[-1]:  # spreadsheets pad rows with empty cells
        record.pop()
    if len(record) != len(header):
        count = len(record)
        if count not in wrong:
            wrong[count] = RowError(f"{len(header)} cells as in the header", found=f"{count}")
        return wrong[count]
    return {name: cell or None for name, cell in zip(header, record, strict=True)}
