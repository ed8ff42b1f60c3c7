"""Showing results: a table for the terminal, a page for everyone else.

    show(record_of(result, "longer"), Console())
    page = write_page("out")               # out/report.html, from out/results.json

Both are made from the same record (`record.record_of`), so that what is shown now and what is read again later agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalrm.bench.figures import between, number
from personalrm.bench.page import page
from personalrm.bench.record import read_record
from personalrm.errors import StorageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PAGE = "report.html"
ROOMY = 104
"""Columns from which on cells have a margin."""
Record = Mapping[str, Any]


def show(report: Record, console: Console) -> None:
    """Print the table of methods, the paired tests, and for each partial judge the table on its own pairs."""
    from rich.text import Text

    wide = console.width >= ROOMY
    console.print(_methods(f"{report['data']} · {report['protocol']}", report["methods"], wide))
    if report["comparisons"]:
        console.print(_tests(report["comparisons"]))
    for name, rows in report["same_pairs"].items():
        console.print(_methods(f"on the pairs that {name} scored", rows, wide))
    for note in notes(report):
        console.print(Text(f"– {note}", style="dim"))


def notes(report: Record) -> list[str]:
    """What a reader must know, and what was not measured, in sentences."""
    said = ["Intervals are 95 %, by resampling whole people; unscored pairs count neither as right nor as wrong."]
    if any(row["low"] is None for row in report["methods"]):
        said.append("Too few people stand behind a method for an interval.")
    hard = [row["label"] for row in report["methods"] if row["log_loss"] is None]
    if hard:
        said.append(f"No log loss: {', '.join(hard)} (they name a side, not a probability).")
    if any(row["cost"] is None for row in report["methods"]):
        said.append("The cost of a method is unknown where the model's prices are.")
    if report["population"] is None and report["folds"] == 1:
        said.append("There were no other people to learn from: traits and population begin with the prior that ships.")
    even = [f"{one['label']} {one['even']}" for one in report["details"] if one["even"]]
    if even:
        said.append(f"Exactly even probabilities earn one half: {', '.join(even)}.")
    for one in report["details"]:
        if one["unscored"]:
            reasons = ", ".join(f"{reason} ({count:,})" for reason, count in one["unscored"].items())
            said.append(f"Not scored by {one['label']}: {reasons}.")
    return said


def write_page(directory: str | Path) -> Path:
    """Write ``report.html`` beside the results of a directory, and give its path.

    Raises:
        DataError: there are no results there, or they cannot be read.
        StorageError: the page cannot be written.
    """
    report = read_record(directory)
    path = Path(directory) / PAGE
    try:
        path.write_text(page(report, notes(report)), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"the page cannot be written to {path}: {error.strerror or error}") from error
    return path


def _methods(title: str, rows: list[Record], wide: bool) -> Table:
    """One row a method. What all rows share stands in the title, so that the figures fit into 80 columns uncut."""
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
    table = Table(title=Text(title), title_justify="left", padding=(0, int(wide)), pad_edge=wide)
    for head in heads:
        _column(table, head)
    for row in cells:
        table.add_row(*(Text(row[head]) for head in heads))
    return table


def _cells(row: Record) -> dict[str, str]:
    return {
        "method": row["label"],
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


def _tests(comparisons: list[Record]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(f"against {comparisons[0]['against']}, pair by pair"), title_justify="left")
    for head in ("method", "difference", "95 % interval", "p", "p (Holm)", "pairs"):
        _column(table, head)
    for one in comparisons:
        effect = one["effect"]
        difference, interval = f"{effect['difference']:+.3f}", between(effect["low"], effect["high"], signed=True)
        p, corrected = f"{effect['p']:.4f}", f"{one['p_corrected']:.4f}"
        table.add_row(Text(one["name"]), difference, interval, p, corrected, f"{effect['pairs']:,}")
    return table


def _column(table: Table, head: str) -> None:
    """Only names may take several lines: half a figure is a wrong one."""
    name = head == "method"
    table.add_column(head, justify="left" if name else "right", overflow="fold", no_wrap=not name)
