"""Where choices come from: a file, several, a folder, a pattern, a pipe, a hub set, rows, or a table in memory.

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
_SMALL = 8 << 20  # bytes of text up to which all people are simply held in memory
_RATIO = 8  # gzip makes such text about 3 times smaller, repetitive text far more


@dataclass(frozen=True, slots=True)
class Input:
    """One of the things that are read.

    Attributes:
        name: as messages call it.
        source: as `Preference.source` has it; None for rows in memory.
        rows: opens it; may be called again.
        path: None for rows in memory and hub sets.
    """

    name: str | Path
    source: str | None
    rows: Callable[[], Iterator[Row]]
    path: Path | None = None

    @property
    def large(self) -> bool:
        """Whether it is better read again than held."""
        if self.path is None or str(self.path) == STDIN:
            return False
        packed = self.path.suffix.lower() in _PACKED or self.path.suffix.lower() == ".parquet"
        return self.path.stat().st_size > (_SMALL // _RATIO if packed else _SMALL)


def inputs_of(given: Given, limits: Limits) -> list[Input]:
    """Everything that is to be read, in order.

    Raises:
        DataError: there is no such file, a folder or pattern holds none, or it is nothing that can be read.
    """
    if isinstance(given, str | Path):
        return [_of_path(one, limits) for one in expanded(given)]
    if isinstance(given, list | tuple) and given and all(isinstance(one, str | Path) for one in given):
        return [_of_path(path, limits) for one in given for path in expanded(one)]
    if not is_table(given):
        rows_in_memory(given)  # says what is wrong
    held = list(given) if isinstance(given, Iterator) else given  # an iterator can be read once only
    return [Input("the rows", None, lambda: rows_in_memory(held))]


def expanded(given: str | Path) -> list[str | Path]:
    """The files that a path stands for: itself, those in a folder, or those that a pattern matches.

    Raises:
        DataError: a folder or pattern holds no file of choices.
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
        return [given]  # whoever opens it says what is wrong
    if not matched:
        raise DataError(f"no file matches {name}")
    return list(matched)


def _is_choices(path: Path, folder: Path) -> bool:
    """Whether a file in a folder is to be read: by its ending, hidden ones not."""
    inside = path.relative_to(folder)
    suffixes = [one.lower() for one in path.suffixes]
    ending = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in _PACKED else suffixes[-1] if suffixes else ""
    return ending in _ENDINGS and path.is_file() and not any(part.startswith((".", "_")) for part in inside.parts)


def _of_path(path: str | Path, limits: Limits) -> Input:
    on_disk = None if str(path).startswith(HUB) else Path(path)
    return Input(path, name_of(path), lambda: rows(path, limits), on_disk)
