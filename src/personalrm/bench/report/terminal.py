"""Print the tables of a run in the terminal; numbers are never cut at 80 columns or more.

show(record_of(result, "longer"), Console())
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from personalrm.bench.record import RunRecord
from personalrm.bench.report.reading import notes
from personalrm.bench.report.studies import Study
from personalrm.bench.report.table import words
from personalrm.formatting.numbers import between, number, signed
from personalrm.formatting.tables import print_table
from personalrm.formatting.texts import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

ROOMY = 104
"""Terminal width in columns from which on table cells have padding."""


def show(report: RunRecord, console: Console) -> None:
    """Print the table of methods, the paired tests, a same-pairs table for each partial method, and notes."""
    from rich.text import Text

    wide = console.width >= ROOMY
    if report["methods"]:  # empty if no method finished
        print_table(console, _methods(f"{report['data']} · {report['protocol']}", report["methods"], wide))
    if report["comparisons"]:
        print_table(console, _tests(report["comparisons"]))
    for name, rows in report["same_pairs"].items():
        print_table(console, _methods(f"on the pairs that {name} scored", rows, wide))
    for note in notes(report):
        console.print(Text(f"– {plain(note)}", style="dim"))


def show_study(study: Study, console: Console) -> None:
    """Print the summary and the tables of a study."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(plain(study.problem or study.question), style="bold"))
    for sentence in study.reading:
        console.print(Text(f"– {plain(sentence)}"))
    for one in study.tables:
        table = Table(title=Text(plain(one.title)), title_justify="left")
        for column in one.columns:
            text = column.form == "text"
            table.add_column(plain(column.head), justify="left" if text else "right", no_wrap=not text, overflow="fold")
        for row in one.rows:
            table.add_row(*(Text(words(column, cell)) for column, cell in zip(one.columns, row, strict=True)))
        print_table(console, table)


def _methods(title: str, rows: list[RunRecord], wide: bool) -> Table:
    """A table with one row for each method. Numbers of people and pairs that all rows share are in the title."""
    from rich.table import Table
    from rich.text import Text

    cells = [_cells(row) for row in rows]
    behind = {(row["people"], row["pairs"]) for row in rows}
    if len(behind) == 1:
        people, pairs = behind.pop()
        title += f" · {pairs:,} choice{'s' * (pairs != 1)} of {people:,} {'person' if people == 1 else 'people'}"
        cells = [{head: cell for head, cell in row.items() if head not in ("people", "pairs")} for row in cells]
    spent = any(row["calls"] for row in rows)
    heads = [head for head in cells[0] if spent or head not in ("calls", "cost")]
    table = Table(title=Text(plain(title)), title_justify="left", padding=(0, int(wide)), pad_edge=wide)
    for head in heads:
        _column(table, head)
    for row in cells:
        table.add_row(*(Text(row[head]) for head in heads))
    return table


def _cells(row: RunRecord) -> dict[str, str]:
    return {
        "method": plain(row["label"]),
        "accuracy": number(row["accuracy"]),
        "95 % interval": between(row["low"], row["high"]),
        "people": f"{row['people']:,}",
        "pairs": f"{row['pairs']:,}",
        "coverage": f"{row['coverage']:.1%}",
        "log loss": number(row["log_loss"]),
        "calls": f"{row['calls']:,}" if row["calls"] else "–",
        "cost": "?" if row["cost"] is None else f"${row['cost']:.2f}" if row["cost"] else "–",
        "s": f"{row['seconds']:.1f}",
    }


def _tests(comparisons: list[RunRecord]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(plain(f"against {comparisons[0]['against']}, pair by pair")), title_justify="left")
    for head in ("method", "difference", "95 % interval", "p", "p (Holm)", "pairs"):
        _column(table, head)
    for one in comparisons:
        effect = one["effect"]
        difference, interval = signed(effect["difference"]), between(effect["low"], effect["high"], signed=True)
        p, corrected = f"{effect['p']:.4f}", f"{one['p_corrected']:.4f}"
        table.add_row(Text(plain(one["name"])), difference, interval, p, corrected, f"{effect['pairs']:,}")
    return table


def _column(table: Table, head: str) -> None:
    """Add a column; only the method column may wrap, so that numbers are never split."""
    name = head == "method"
    table.add_column(head, justify="left" if name else "right", overflow="fold", no_wrap=not name)
