"""Tables on terminals: as a table if every number fits, else as lines, so that no number is truncated.

print_table(console, table)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_ANY = 10_000


def print_table(console: Console, table: Table) -> None:
    """Print the table, or in a narrow terminal one line per cell below each row's first cell."""
    if _minimum_width(console, table) <= console.width:
        console.print(table)
        return
    from rich.text import Text

    if table.title:
        console.print(table.title, style="italic")
    heads = [Text.from_markup(one.header) if isinstance(one.header, str) else one.header for one in table.columns]
    for name, *cells in zip(*(one.cells for one in table.columns), strict=True):
        console.print(name, style="bold")
        for head, cell in zip(heads[1:], cells, strict=True):
            console.print(Text("  ").append(f"{head}: ").append(f"{_text(cell)}"))


def _text(cell: object) -> str:
    from rich.text import Text

    return cell.plain if isinstance(cell, Text) else Text.from_markup(str(cell)).plain


def _minimum_width(console: Console, table: Table) -> int:
    """Minimum width without truncation: words are whole, and cells that must not wrap are on one line."""
    from rich.measure import Measurement

    options = console.options.update(max_width=_ANY)
    around = 2 * len(table.columns) * bool(table.padding[1]) + len(table.columns) + 1
    least = 0
    for one in table.columns:
        cells = [one.header, *one.cells]
        sizes = [Measurement.get(console, options, cell) for cell in cells]
        least += max(size.maximum if one.no_wrap else _wrapped_width(size, one.overflow) for size in sizes)
    return least + around


def _wrapped_width(size: object, overflow: str | None) -> int:
    """Minimum width of a cell with several lines: its longest word, or 8 characters if words may be folded."""
    longest: int = size.minimum  # type: ignore[attr-defined]
    return min(longest, 8) if overflow == "fold" else longest
