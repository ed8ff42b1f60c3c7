"""Read the records of studies (``studies/NAME.json`` in the folder of a run) for a report.

    for one in read_studies("out"):
        one.question, one.charts[0], one.tables[0].rows

A file is a record with ``study``, ``question``, ``settings``, ``tables`` (title, columns, rows), ``charts``
(`personalrm.bench.charts`) and ``reading`` (summary sentences). A record that cannot be read does not affect the
others: its `Study.problem` says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from personalrm.bench.charts import Chart, from_json
from personalrm.bench.record import RunRecord
from personalrm.bench.report.table import Column, Table
from personalrm.errors import DataError
from personalrm.formatting.numbers import number
from personalrm.regular_files import content_of


@dataclass(frozen=True, slots=True)
class Study:
    """A study's question and results; if ``problem`` is not empty, only ``name`` is set besides."""

    name: str
    question: str = ""
    reading: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def read_studies(directory: str | Path) -> list[Study]:
    """Read all study records of a folder, sorted by file name."""
    return [read_study(path) for path in sorted((Path(directory) / "studies").glob("*.json"))]


def read_study(path: Path) -> Study:
    """Read one study record; if it is unreadable, `Study.problem` says why."""
    try:
        record = orjson.loads(content_of(path))
        return _study(path.stem, record)
    except (OSError, orjson.JSONDecodeError, DataError) as error:
        return Study(path.stem, problem=f"studies/{path.name} cannot be shown: {error}")
    except (TypeError, KeyError, AttributeError, ValueError):
        return Study(path.stem, problem=f"studies/{path.name} cannot be shown: it is not the record of a study")


def _study(stem: str, record: RunRecord) -> Study:
    reading = record["reading"]
    return Study(
        name=str(record["study"]),
        question=str(record["question"]),
        reading=(reading,) if isinstance(reading, str) else tuple(str(one) for one in reading),
        charts=tuple(from_json(one) for one in record["charts"]),
        tables=tuple(_table(f"study_{stem}_{at}", one) for at, one in enumerate(record["tables"], 1)),
        settings=dict(record["settings"]),
    )


def _table(name: str, record: RunRecord) -> Table:
    """Convert a table of a study; the form of each column is inferred from its cells."""
    heads: Sequence[str] = record["columns"]
    cells = [[_cell(one) for one in row] for row in record["rows"]]
    if any(len(row) != len(heads) for row in cells):
        raise ValueError
    numeric = [_numeric([row[at] for row in cells]) for at in range(len(heads))]
    rows = tuple(
        tuple(one if form != "text" else _text(one) for one, form in zip(row, numeric, strict=True)) for row in cells
    )
    columns = tuple(Column(str(head), form) for head, form in zip(heads, numeric, strict=True))
    return Table(name, str(record["title"]), columns, rows)


def _numeric(cells: Sequence[Any]) -> Any:
    known = [one for one in cells if one is not None]
    if known and all(isinstance(one, int) and not isinstance(one, bool) for one in known):
        return "count"
    if known and all(isinstance(one, int | float) and not isinstance(one, bool) for one in known):
        return "figure"
    if known and all(isinstance(one, tuple) for one in known):
        return "shift" if any(bound is not None and bound < 0 for one in known for bound in one) else "interval"
    return "text"


def _cell(value: Any) -> Any:
    """The cell's value; a list of two numbers becomes an interval."""
    if (
        isinstance(value, list)
        and len(value) == 2
        and all(one is None or isinstance(one, int | float) for one in value)
    ):
        return tuple(value)
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return number(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
