"""The study ``scaling``: accuracy by number of past choices and by model size."""

from __future__ import annotations

import re

from personalrm.bench.charts import Chart, Lines, Point, Series
from personalrm.bench.results import BenchResult, Row
from personalrm.bench.studies.lab import Record, StudyContext, TableRecord, caveats, plain_of, settings_of
from personalrm.bench.studies.wording import points, verdict

QUESTION = "How does accuracy grow with the number of past choices, and with the size of the model?"
_SIZE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*([bm])(?![a-z])", re.IGNORECASE)


async def study(lab: StudyContext) -> Record:
    """Run every method with each number of choices, on every model."""
    wanted = lab.with_plain()
    result = await lab.run("scaling", wanted, "context-target", lab.context_pairs)
    rows = list(result.row_of.values())
    columns = ("method", "model", "choices at most", "accuracy", "95 % interval", "log loss", "pairs")
    table = tuple(
        (row.name, row.model, row.context_pairs or "all", row.accuracy, (row.low, row.high), row.log_loss, row.pairs)
        for row in rows
    )
    charts: list[Chart] = [_by_choices(result, rows)]
    if by_size := _by_size(rows):
        charts.append(by_size)
    return Record(
        "scaling",
        QUESTION,
        (*_reading(lab, result), *caveats(result)),
        (TableRecord("Accuracy by number of choices and model", columns, table),),
        tuple(charts),
        settings_of(lab, result, context_pairs=list(lab.context_pairs)),
    )


def size_of(model: str) -> float | None:
    """Number of parameters in billions parsed from a model's name ("llama3.1:8b": 8.0), or None ("gpt-4o")."""
    found = _SIZE.search(model)
    return float(found[1]) / (1.0 if found[2].lower() == "b" else 1000.0) if found else None


def _by_choices(result: BenchResult, rows: list[Row]) -> Lines:
    """Line chart with a series for each method and model, over the mean number of choices learned from."""
    several = len({row.model for row in rows if row.calls}) > 1
    series: dict[str, list[Point]] = {}
    for row in rows:
        if row.accuracy is None:
            continue
        name = f"{row.name} · {row.model}" if several and row.calls else row.name
        for at in [_learned_from(result, row.context_pairs)] if _is_personal(row, rows) else _ends(result, rows):
            series.setdefault(name, []).append(Point(at, row.accuracy, row.low, row.high))
    ordered = tuple(Series(name, tuple(sorted(held, key=lambda one: one.x))) for name, held in series.items())
    return Lines("Accuracy by past choices", "choices learned from (mean)", "accuracy", ordered, reference=0.5)


def _is_personal(row: Row, rows: list[Row]) -> bool:
    return sum((one.name, one.model) == (row.name, row.model) for one in rows) > 1 or row.context_pairs is not None


def _ends(result: BenchResult, rows: list[Row]) -> list[float]:
    """All x values; the accuracy of a method that learns nothing is constant over them."""
    limits = [row.context_pairs for row in rows]
    return sorted({_learned_from(result, limit) for limit in limits})


def _learned_from(result: BenchResult, limit: int | None) -> float:
    held = [one.history if limit is None else min(one.history, limit) for one in result.asked]
    return sum(held) / len(held)


def _by_size(rows: list[Row]) -> Lines | None:
    """Line chart of accuracy with all choices over model size; None if fewer than two sizes are known."""
    series: dict[str, list[Point]] = {}
    for row in rows:
        size = size_of(row.model)
        if size is not None and row.accuracy is not None and row.context_pairs is None:
            series.setdefault(row.name, []).append(Point(size, row.accuracy, row.low, row.high))
    lines = tuple(
        Series(name, tuple(sorted(held, key=lambda one: one.x))) for name, held in series.items() if len(held) > 1
    )
    if not lines:
        return None
    return Lines("Accuracy by model size", "billions of parameters", "accuracy", lines, reference=0.5, log_x=True)


def _reading(lab: StudyContext, result: BenchResult) -> list[str]:
    """Summary sentences: gain of each personalized method with all choices over its version without the user."""
    found, personal = [], lab.personal()
    for row in result.row_of.values():
        plain = result.label(plain_of(row.name), row.model)
        if row.name not in personal or row.context_pairs is not None or plain is None:
            continue
        effect = result.effect(row.label, plain)
        if effect is not None:
            what = verdict(effect, "gains over", "is not shown to differ from")
            found.append(f"With all choices {row.label} {what} {plain}: {points(effect)}.")
    return found
