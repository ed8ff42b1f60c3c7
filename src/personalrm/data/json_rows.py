"""Read rows of JSON text, one at a time.

for number, row in json_rows(stream, path, limits): ...       # a mapping, or a RowError

Accepted forms, also pretty-printed: one object on each line, an array of objects, consecutive objects, or an object
with a list of objects (``{"data": […]}``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from personalrm.data.fields import Fields, describe
from personalrm.data.limits import Limits
from personalrm.data.unpacking import too_deep
from personalrm.data.wrapping import SPLITS, WRAPPERS, may_be_wrapped, unwrapped
from personalrm.errors import DataError, RowError

Row = tuple[int, Fields | RowError]
BOM = b"\xef\xbb\xbf"
_NOWHERE = -1
_BLOCK = 1 << 20
_PEEK = 5
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+([\[\]{}])', re.DOTALL)
_TO_MARK = re.compile(rb'["\[\]{}]')
_KEY = re.compile(rb'"([^"\\]{1,40})"\s*:\s*\[\Z')


def json_rows(stream: IO[bytes], path: Path, limits: Limits) -> Iterator[Row]:
    """Yield every row with its line number if each row has its own line, else with its row number."""
    first, begun = _first_lines(stream, limits)
    if first is None:
        return
    found = (
        _lines(begun, stream, limits) if first else _values(b"".join(line for _, line in begun), stream, path, limits)
    )
    for number, row in found:
        if isinstance(row, RowError) or not may_be_wrapped(row):
            yield number, row
            continue
        for one in unwrapped(row):
            yield number, one


def _first_lines(stream: IO[bytes], limits: Limits) -> tuple[bool | None, list[tuple[int, bytes]]]:
    """Whether each row has its own line (None for an empty file), and the lines read to find out."""
    begun: list[tuple[int, bytes]] = []
    filled = 0
    for number in range(1, 1000):
        line = stream.readline(limits.row + 1)
        if not line:
            break
        line = line.removeprefix(BOM) if number == 1 else line
        begun.append((number, line))
        if line.isspace() or not line:
            continue
        filled += 1
        start = line.lstrip()
        if filled == 1 and (start[:1] == b"[" or start.rstrip() == b"{" or len(line) > limits.row):
            return False, begun
        if _is_object(line):
            return True, begun
        if filled >= _PEEK:
            break
    if not filled:
        return None, begun
    return all(line.lstrip()[:1] in (b"{", b"") for _, line in begun), begun


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except ValueError:
        return False


def _lines(begun: list[tuple[int, bytes]], stream: IO[bytes], limits: Limits) -> Iterator[Row]:
    """Yield the object on each line."""
    most = limits.row
    for number, line in begun:
        if line and not line.isspace():
            yield number, object_of(line, limits)
    number = begun[-1][0]
    while line := stream.readline(most + 1):
        number += 1
        if len(line) > most and not line.endswith(b"\n"):
            while (rest := stream.readline(_BLOCK)) and not rest.endswith(b"\n"):
                pass
            yield number, RowError(f"a line of {limits.exceeded('row', 'bytes')}", found="a longer one")
        elif not line.isspace():
            yield number, object_of(line, limits)


def object_of(data: bytes, limits: Limits) -> Fields | RowError:
    """The object in a JSON text, or a RowError."""
    if data.count(b"[") + data.count(b"{") > limits.depth and too_deep(data.decode("latin-1"), limits.depth):
        return RowError(f"JSON nested {limits.exceeded('depth', 'deep')}", found="deeper nesting")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _second_look(data)
        if isinstance(value, RowError):
            return value
    if not isinstance(value, dict):
        return RowError("a JSON object", found=describe(value))
    if len(value) > limits.columns:
        return RowError(limits.exceeded("columns", "columns"), found=f"{len(value):,}")
    return value


def _second_look(data: bytes) -> Any:
    """Parse a text that orjson rejects: its value (for NaN and lone surrogates, checked later), or a RowError."""
    try:
        text = data.decode()
        cut = text.rstrip()  # a comma ends each line of an array that lost its brackets
        return json.loads(cut[:-1] if cut.endswith("},") else text)
    except UnicodeDecodeError as error:
        return RowError("UTF-8 text", found=f"the byte 0x{data[error.start]:02x} at byte {error.start + 1} of the line")
    except json.JSONDecodeError as error:
        return RowError("a JSON object", found=f"invalid JSON at character {error.pos + 1} ({error.msg})")
    except (RecursionError, ValueError):  # ValueError: a number of more than 4,300 digits
        return RowError("a JSON object", found="JSON nested too deeply or a number too long")


def _values(begun: bytes, stream: IO[bytes], path: Path, limits: Limits) -> Iterator[Row]:
    """Yield the objects of an array, or consecutive objects."""
    number = 0
    for data in _Values(begun, stream, limits).elements():
        number += 1
        yield number, data if isinstance(data, RowError) else object_of(data, limits)
    if number == 0:
        raise DataError(f"{path} is empty: it has no choices")


class _Values:
    """Finds the start and end of each object by the brackets outside of strings.

    ``level`` is the number of open brackets, ``base`` the number of those around a row: 0 for consecutive objects, 1 in
    an array, 2 in an object with a list of rows (`_NOWHERE` after that list).
    """

    def __init__(self, begun: bytes, stream: IO[bytes], limits: Limits) -> None:
        self._stream, self._limits = stream, limits
        self._data, self._place, self._start = begun, 0, -1
        self._level, self._base = 0, 0

    def elements(self) -> Iterator[bytes | RowError]:
        while True:
            found = _TO_BRACKET.match(self._data, self._place)
            if found is None:
                if len(self._data) - (self._start if self._start >= 0 else self._place) > self._limits.row:
                    yield self._too_long()
                    self._skip()
                elif not self._more():
                    break
                continue
            before, self._place = self._data[self._place : found.start(1)], found.end()
            yield from self._bracket(found.group(1), before)
        if self._level:
            yield RowError("JSON up to the last closing bracket", found="the end of the file before it")
        elif self._data[self._place :].strip():
            yield RowError(
                "a JSON object", found=describe(self._data[self._place :][:60].decode("utf-8", "replace").strip())
            )

    def _too_long(self) -> RowError:
        return RowError(f"a row of {self._limits.exceeded('row', 'bytes')}", found="a longer one")

    def _bracket(self, mark: bytes, before: bytes) -> Iterator[bytes | RowError]:
        if self._level == self._base and before.strip(b" \t\r\n,"):
            yield from _no_objects(before)
        if mark in b"[{":
            self._opened(mark)
            return
        self._level = max(self._level - 1, 0)
        if self._level == self._base and self._start >= 0:
            whole = self._place - self._start <= self._limits.row
            yield self._data[self._start : self._place] if whole else self._too_long()
            self._start = -1
        elif self._level == 0:
            self._base = 0
        elif self._level < self._base:
            self._base = _NOWHERE  # behind the list of rows

    def _opened(self, mark: bytes) -> None:
        if self._level == self._base:
            if mark == b"[" and self._level == 0:
                self._base = 1
            else:
                self._start = self._place - 1
        elif self._level == 1 and self._base < 1 and mark == b"[" and self._is_wrapper():
            self._base, self._start = 2, -1
        self._level += 1

    def _is_wrapper(self) -> bool:
        """Whether the list that begins here has the rows of a wrapper object."""
        key = _KEY.search(self._data, max(self._place - 80, 0), self._place)
        name = key.group(1).decode("utf-8", "replace") if key else ""
        while len(self._data) - self._place < 64 and self._more():
            pass
        return name in (*WRAPPERS, *SPLITS) and self._data[self._place : self._place + 64].lstrip()[:1] == b"{"

    def _more(self) -> bool:
        """Read the next block and discard data that is no longer needed; False at the end of the file."""
        keep = self._start if self._start >= 0 else max(self._place - 100, 0)
        block = self._stream.read(max(_BLOCK, len(self._data) - keep))
        if not block:
            return False
        self._data = self._data[keep:] + block
        self._place -= keep
        self._start -= keep if self._start >= 0 else 0
        return True

    def _skip(self) -> None:
        """Go to the end of the row without keeping it."""
        self._data, self._place, self._start = self._data[self._place :], 0, -1
        plain, inside = _without_escapes(self._data), False
        while self._level > max(self._base, 0) or inside:
            place = plain.find(b'"', self._place) if inside else _next_mark(plain, self._place)
            if place < 0:
                block = self._stream.read(_BLOCK)
                if not block:
                    self._data, self._place = b"", 0
                    return
                cut_off = b"\\" if plain.endswith(b"\\") else b""  # the escape sequence continues in the next block
                self._data, self._place = cut_off + block, 0
                plain = _without_escapes(self._data)
                continue
            self._place = place + 1
            mark = plain[place : place + 1]
            if mark == b'"':
                inside = not inside
            else:
                self._level += 1 if mark in b"[{" else -1
        if self._level == 0:
            self._data, self._place, self._base = self._data[self._place :], 0, 0


def _next_mark(data: bytes, start: int) -> int:
    found = _TO_MARK.search(data, start)
    return found.start() if found else -1


def _without_escapes(data: bytes) -> bytes:
    """The same bytes with blanks for escaped backslashes and quotes; places do not move."""
    return data.replace(rb"\\", b"  ").replace(rb"\"", b"  ")


def _no_objects(data: bytes) -> Iterator[RowError]:
    for one in data.split(b","):
        if one.strip():
            yield RowError("a JSON object", found=describe(one.strip()[:60].decode("utf-8", "replace").strip('"')))
