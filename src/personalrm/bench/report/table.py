"""Tables as data, from which the page, the LaTeX file and the CSV file are made.

    table = Table("leaderboard", "Accuracy", (Column("method"), Column("accuracy", "figure")), (("longer", 0.658),))
    words(table.columns[1], 0.658)             # "0.658"
    table.columns[1].keys                      # ("accuracy",); an interval has two CSV columns, low and high

Cells are raw values; the form of their column says how they are formatted, and CSV has full precision.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from personalrm.formatting.numbers import between, number, signed
from personalrm.formatting.texts import plain

Form = Literal["text", "count", "figure", "signed", "percent", "p", "interval", "shift", "dollars", "seconds"]
Interval = tuple[float | None, float | None]
Cell = str | int | float | Interval | None
"""Value of a cell: an Interval in columns of form ``interval`` and ``shift`` (of a difference); None: not measured."""

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        head: the heading.
        form: how its cells are formatted.
        key: its name in CSV; derived from the heading if empty.
        timed: whether it has run times; such columns are only on the page, so that files of equal runs are equal.
    """

    head: str
    form: Form = "text"
    key: str = ""
    timed: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """Its names in CSV; an interval has two."""
        name = self.key or re.sub(r"[^a-z0-9]+", "_", self.head.lower()).strip("_")
        return (f"{name}_low", f"{name}_high") if self.form in ("interval", "shift") else (name,)


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: file name, and anchor on the page.
        title: caption.
        columns, rows: one cell for each column in every row.
        note: explanation shown with the table.
        published: indices of rows that were published by others, not measured here.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    published: frozenset[int] = frozenset()

    def untimed(self) -> Table:
        """A copy without run time columns."""
        kept = [at for at, one in enumerate(self.columns) if not one.timed]
        rows = tuple(tuple(row[at] for at in kept) for row in self.rows)
        return Table(self.name, self.title, tuple(self.columns[at] for at in kept), rows, self.note, self.published)

    def without_empty(self) -> Table:
        """A copy without columns that are empty in all rows."""
        kept = [at for at in range(len(self.columns)) if any(not _empty(row[at]) for row in self.rows)]
        rows = tuple(tuple(row[at] for at in kept) for row in self.rows)
        return Table(self.name, self.title, tuple(self.columns[at] for at in kept), rows, self.note, self.published)


def words(column: Column, cell: Cell) -> str:
    """Format a cell by the form of its column; a dash for a missing value."""
    if _empty(cell):
        return NOTHING
    return _FORMS[column.form](cell)


def _empty(cell: Cell) -> bool:
    return cell is None or cell == "" or cell == (None, None)


_FORMS: Mapping[str, Callable[[Any], str]] = {
    "text": plain,
    "count": lambda value: f"{value:,}",
    "figure": number,
    "signed": signed,
    "percent": lambda value: f"{value:.1%}",
    "p": lambda value: "<0.0001" if value < 0.00005 else f"{value:.4f}",
    "interval": lambda pair: between(*pair),
    "shift": lambda pair: between(*pair, signed=True),
    "dollars": lambda value: f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.3g}",
    "seconds": lambda value: f"{value:,.1f}",
}
