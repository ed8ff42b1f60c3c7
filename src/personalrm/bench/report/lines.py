"""The lines of a record in the order in which a report shows them.

ranked(record)[0]["label"]          # the most accurate one
details(record)["traits"]["brier"]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from personalrm.bench.record import RunRecord
from personalrm.bench.report.table import Cell, Column
from personalrm.models.registry import TRAITS

SIGNIFICANT = 0.05
WHICH = (Column("method"), Column("model"), Column("choices", "count", "context_pairs"))
"""What tells a line from the others: the choices it may learn from are all where none are said."""


def ranked(record: RunRecord) -> list[RunRecord]:
    """The rows of the table, the most accurate first; equal ones and those without a figure as they were."""
    return sorted(record["methods"], key=lambda row: -1.0 if row["accuracy"] is None else row["accuracy"], reverse=True)


def details(record: RunRecord) -> dict[str, RunRecord]:
    """What is known of each line beside its row, by label."""
    return {one["label"]: one for one in record["details"]}


def curves(record: RunRecord) -> list[list[RunRecord]]:
    """Rows that share method and model and differ in the number of choices, fewest first, without a limit last."""
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    for row in record["methods"]:
        groups.setdefault((row["name"], row["model"]), []).append(row)
    return [
        sorted(rows, key=lambda row: (row["context_pairs"] is None, row["context_pairs"] or 0))
        for rows in groups.values()
        if len(rows) > 1
    ]


def significant(tests: Sequence[RunRecord]) -> Iterator[RunRecord]:
    """Those tests that chance alone would hardly give, corrected for their number."""
    return (one for one in tests if one["p_corrected"] < SIGNIFICANT)


def which(row: RunRecord) -> tuple[Cell, ...]:
    """Name, model (where one was asked) and limit."""
    embedded = row["model"] in TRAITS or row["model"] in row["name"]
    return row["name"], None if embedded else row["model"], row["context_pairs"]
