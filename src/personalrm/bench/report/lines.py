"""Accessors for the lines of a record, in the order in which a report shows them.

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
"""Columns that identify a line; an empty number of choices means all."""


def ranked(record: RunRecord) -> list[RunRecord]:
    """The rows sorted by accuracy, highest first (stable); rows without an accuracy last."""
    return sorted(record["methods"], key=lambda row: -1.0 if row["accuracy"] is None else row["accuracy"], reverse=True)


def details(record: RunRecord) -> dict[str, RunRecord]:
    """The details of each line, by label."""
    return {one["label"]: one for one in record["details"]}


def curves(record: RunRecord) -> list[list[RunRecord]]:
    """Groups of rows with the same method and model, sorted by number of choices; a row without limit is last."""
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    for row in record["methods"]:
        groups.setdefault((row["name"], row["model"]), []).append(row)
    return [
        sorted(rows, key=lambda row: (row["context_pairs"] is None, row["context_pairs"] or 0))
        for rows in groups.values()
        if len(rows) > 1
    ]


def significant(tests: Sequence[RunRecord]) -> Iterator[RunRecord]:
    """The tests with a corrected p-value below `SIGNIFICANT`."""
    return (one for one in tests if one["p_corrected"] < SIGNIFICANT)


def which(row: RunRecord) -> tuple[Cell, ...]:
    """Cells for `WHICH`: name, model (None for local methods) and limit."""
    embedded = row["model"] in TRAITS or row["model"] in row["name"]
    return row["name"], None if embedded else row["model"], row["context_pairs"]
