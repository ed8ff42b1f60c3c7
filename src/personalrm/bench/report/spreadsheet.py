"""Format a table as CSV: full precision, one header line, and protection against formula injection.

    csv_text(table)           # "method,accuracy,accuracy_low,accuracy_high\\nlonger,0.658…"

A text that begins like a formula (= + - @, also after blanks) is prefixed with an apostrophe, which spreadsheets read
as a text marker. A missing value is an empty cell.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from personalrm.bench.report.table import Cell, Column, Table
from personalrm.formatting.texts import plain

_FORMULA = ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠")


def csv_text(table: Table) -> str:
    """The table as CSV, without run times."""
    shown = table.untimed()
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([key for column in shown.columns for key in column.keys])
    for row in shown.rows:
        writer.writerow([cell for both in zip(shown.columns, row, strict=True) for cell in _cells(*both)])
    return out.getvalue()


def _cells(column: Column, value: Cell) -> Iterator[str]:
    if isinstance(value, tuple):
        yield from ("" if one is None else repr(float(one)) for one in value)
    elif value is None:
        yield from ("" for _ in column.keys)
    elif isinstance(value, str):
        text = plain(value)
        yield f"'{text}" if text.startswith(_FORMULA) else text
    else:
        yield repr(value)
