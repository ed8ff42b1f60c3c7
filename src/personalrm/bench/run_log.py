"""Append-only log of the answers of one method in a run, repaired after a crash.

Judgement rows are written before the row of their task, both unbuffered: a killed run leaves at most one incomplete
line or judgements without a task row, and both are removed when the run is resumed.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import orjson

from personalrm.bench.entries import ResultKey
from personalrm.errors import DataError
from personalrm.files import json_bytes, replace_file, stored
from personalrm.regular_files import reading

Row = Mapping[str, Any]


@contextlib.contextmanager
def rows_as_written(path: Path) -> Iterator[None]:
    """Context manager that turns errors from malformed rows into a DataError naming the file."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {error}"
        raise DataError(
            f"{path} is damaged ({said[:200]}): delete it and run the same command again; cached answers are reused"
        ) from error


class Log:
    """Log of one entry's rows; ``finished`` holds the numbers of its completed tasks."""

    def __init__(self, folder: Path, entry: ResultKey, provenance: str) -> None:
        self._tasks, self._judgements = folder / "tasks" / entry.file, folder / "judgements" / entry.file
        self._out: tuple[IO[bytes], IO[bytes]] | None = None
        with stored(folder), rows_as_written(self._tasks):
            for one in (self._tasks, self._judgements):
                one.parent.mkdir(exist_ok=True)
            self.finished = self._mend(entry, provenance)

    def add(self, tasks: Sequence[Row], judgements: Iterable[Row]) -> None:
        """Append the rows of completed tasks and of their judgements. Raises StorageError."""
        with stored(self._tasks):
            if self._out is None:
                self._out = (self._judgements.open("ab", buffering=0), self._tasks.open("ab", buffering=0))
            self._write(self._out[0], b"".join(json_bytes(row) + b"\n" for row in judgements))
            self._write(self._out[1], b"".join(json_bytes(row) + b"\n" for row in tasks))
        self.finished.update(int(row["task"]) for row in tasks)

    def close(self) -> None:
        """Close the files; a later `add` reopens them."""
        for one in self._out or ():
            one.close()
        self._out = None

    @staticmethod
    def _write(out: IO[bytes], text: bytes) -> None:
        left = memoryview(text)
        while left:  # an unbuffered write may write only part of the bytes
            left = left[out.write(left) :]

    def _mend(self, entry: ResultKey, provenance: str) -> set[int]:
        """Remove incomplete lines and the rows of tasks that are incomplete or have another provenance; returns the
        numbers of the completed tasks."""
        wanted = {
            int(row["task"]): int(row["judgements"])
            for row in _own(self._tasks, entry)
            if row.get("provenance") == provenance
        }
        found = Counter(
            int(row["task"]) for row in _own(self._judgements, entry) if row.get("provenance") == provenance
        )
        finished = {task for task, judgements in wanted.items() if found[task] == judgements}
        for path in (self._judgements, self._tasks):
            if path.exists():
                whole = (
                    row for row in rows_of(path) if row["task"] in finished and row.get("provenance") == provenance
                )
                replace_file(path, (orjson.dumps(row) + b"\n" for row in whole))
        return finished


def _own(path: Path, entry: ResultKey) -> Iterator[dict[str, Any]]:
    """The rows of a file. Raises DataError if one belongs to another entry."""
    for line, row in enumerate(rows_of(path), 1):
        if (row.get("method"), row.get("model")) != (entry.method, entry.model):
            raise DataError(
                f"{path}, line {line}: expected a row of {entry.method} on {entry.model}, found one of "
                f"{row.get('method')} on {row.get('model')}: the folder mixes several runs"
            )
        yield row


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file; empty if it does not exist. An incomplete last line is skipped."""
    return (row for _, row in _placed(path))


def rows_in_order(path: Path) -> Iterator[dict[str, Any]]:
    """`rows_of`, sorted by task number; keeps only byte offsets in memory, not rows."""
    places = sorted((int(row["task"]), place) for place, row in _placed(path))
    if places:
        with reading(path) as lines:
            for _, place in places:
                lines.seek(place)
                yield orjson.loads(lines.readline())


def _placed(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file, each with its byte offset."""
    if not path.exists():
        return
    place = 0
    with reading(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise DataError(
                    f"{path}, line {number}: damaged ({error}); delete the file to repeat its requests"
                ) from None
            if not isinstance(row, dict) or not isinstance(row.get("task"), int):
                raise DataError(f"{path}, line {number}: expected an object with an integer field 'task'")
            yield place, row
            place += len(line)
