"""Inputs with choices: files, folders, patterns, pipes, hub data sets, rows, or tables in memory.

inputs_of("votes/*.csv"), inputs_of(["monday.jsonl", "tuesday.jsonl"]), inputs_of("-"), inputs_of(dataframe)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

from personalrm.data.files import HUB, STDIN, Row, name_of, rows
from personalrm.data.in_memory import is_table, rows_in_memory
from personalrm.data.limits import Limits
from personalrm.errors import DataError

Given = str | Path | Sequence[str | Path] | Iterable[Mapping[str, Any]] | Any
"""Paths, or rows, or a table of pandas, polars, pyarrow or `datasets`."""

_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_PACKED = (".gz", ".bz2", ".xz", ".zst")
_SMALL = 8 << 20  # bytes of text up to which all people are kept in memory
_RATIO = 8  # assumed compression ratio; gzip has about 3 for such text, more for repetitive text


@dataclass(frozen=True, slots=True)
class Input:
    """One input.

    Attributes:
        name: name in messages.
        source: value of `Preference.source`; None for rows in memory.
        rows: opens the input and returns its rows; may be called several times.
        path: path of a file; None for rows in memory and hub data sets.
    """

    name: str | Path
    source: str | None
    rows: Callable[[], Iterator[Row]]
    path: Path | None = None

    @property
    def large(self) -> bool:
        """Whether it should be read again rather than kept in memory."""
        if self.path is None or str(self.path) == STDIN:
            return False
        packed = self.path.suffix.lower() in _PACKED or self.path.suffix.lower() == ".parquet"
        return self.path.stat().st_size > (_SMALL // _RATIO if packed else _SMALL)


def inputs_of(given: Given, limits: Limits) -> list[Input]:
    """The inputs to read, in order.

    Raises:
        DataError: a folder or pattern without files, or an object of a type that cannot be read.
    """
    if isinstance(given, str | Path):
        return [_of_path(one, limits) for one in expanded(given)]
    if isinstance(given, list | tuple) and given and all(isinstance(one, str | Path) for one in given):
        return [_of_path(path, limits) for one in given for path in expanded(one)]
    if not is_table(given):
        rows_in_memory(given)  # raises the error
    held = list(given) if isinstance(given, Iterator) else given  # an iterator can be read only once
    return [Input("the rows", None, lambda: rows_in_memory(held))]


def expanded(given: str | Path) -> list[str | Path]:
    """The files of a path: itself, the files in a folder, or the files matching a pattern.

    Raises:
        DataError: a folder without files of choices, or a pattern that matches no file.
    """
    name = str(given)
    if name == STDIN or name.startswith(HUB):
        return [name]
    try:
        path = Path(name)
        if path.is_dir():
            found = sorted(one for one in path.rglob("*") if _is_choices(one, path))
            if not found:
                raise DataError(f"{name} is a directory without a file of choices ({', '.join(_ENDINGS)})")
            return list(found)
        if not any(mark in name for mark in "*?[") or path.exists():
            return [given]
        matched = sorted(one for one in glob(name, recursive=True) if Path(one).is_file())  # noqa: PTH207
    except (OSError, ValueError):
        return [given]  # the error is raised when the file is opened
    if not matched:
        raise DataError(f"no file matches {name}")
    return list(matched)


def _is_choices(path: Path, folder: Path) -> bool:
    """Whether a file in a folder is read: it has a known ending and is not hidden."""
    inside = path.relative_to(folder)
    suffixes = [one.lower() for one in path.suffixes]
    ending = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in _PACKED else suffixes[-1] if suffixes else ""
    return ending in _ENDINGS and path.is_file() and not any(part.startswith((".", "_")) for part in inside.parts)


def _of_path(path: str | Path, limits: Limits) -> Input:
    on_disk = None if str(path).startswith(HUB) else Path(path)
    return Input(path, name_of(path), lambda: rows(path, limits), on_disk)
