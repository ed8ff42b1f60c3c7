"""A table as data: the page, the LaTeX file and the CSV file are made from the same one, so that they cannot disagree.

    table = Table("leaderboard", "Accuracy", (Column("method"), Column("accuracy", "figure")), (("longer", 0.658),))
    words(table.columns[1], 0.658)             # "0.658"
    table.heads()                              # ("method", "accuracy"), an interval gives two: its low and its high

Cells are values, never text made from values: how one is written is its column's form, and CSV has every digit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from personalrm.formatting.numbers import between, number
from personalrm.formatting.texts import plain

Form = Literal["text", "count", "figure", "signed", "percent", "p", "interval", "shift", "dollars", "seconds"]
Interval = tuple[float | None, float | None]
Cell = str | int | float | Interval | None
"""``interval`` and ``shift`` (an interval of a difference) hold an Interval; None is what was not measured."""

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """What stands in one column.

    Attributes:
        head: as the reader sees it.
        form: how its cells are written.
        key: its name in CSV; made from the head if empty.
        timed: it tells time, so it is on the page alone: files are equal for equal runs.
    """

    head: str
    form: Form = "text"
    key: str = ""
    timed: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Its names in CSV: an interval is two numbers."""
        name = self.key or re.sub(r"[^a-z0-9]+", "_", self.head.lower()).strip("_")
        return (f"{name}_low", f"{name}_high") if self.form in ("interval", "shift") else (name,)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under columns.

    Attributes:
        name: of its files, and its place on the page.
        title: what it shows.
        columns, rows: one cell for each column in every row.
        note: what a reader must know of it.
        published: numbers of rows that were published by others, not measured here.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    published: frozenset[int] = frozenset()

    def untimed(self) -> Table:
        """Without the columns that tell time."""
        kept = [at for at, one in enumerate(self.columns) if not one.timed]
        rows = tuple(tuple(row[at] for at in kept) for row in self.rows)
        return Table(self.name, self.title, tuple(self.columns[at] for at in kept), rows, self.note, self.published)

    def without_empty(self) -> Table:
        """Without the columns in which no row has anything."""
        kept = [at for at in range(len(self.columns)) if any(not _empty(row[at]) for row in self.rows)]
        rows = tuple(tuple(row[at] for at in kept) for row in self.rows)
        return Table(self.name, self.title, tuple(self.columns[at] for at in kept), rows, self.note, self.published)


def words(column: Column, cell: Cell) -> str:
    """A cell as a reader sees it; a dash for what was not measured."""
    if _empty(cell):
        return NOTHING
    return _FORMS[column.form](cell)


def _empty(cell: Cell) -> bool:
    return cell is None or cell == "" or cell == (None, None)


_FORMS: Mapping[str, Callable[[Any], str]] = {
    "text": plain,
    "count": lambda value: f"{value:,}",
    "figure": number,
    "signed": lambda value: f"{value:+.3f}",
    "percent": lambda value: f"{value:.1%}",
    "p": lambda value: "<0.0001" if value < 0.00005 else f"{value:.4f}",
    "interval": lambda pair: between(*pair),
    "shift": lambda pair: between(*pair, signed=True),
    "dollars": lambda value: f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.3g}",
    "seconds": lambda value: f"{value:,.1f}",
}
