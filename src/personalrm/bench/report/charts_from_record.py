"""Build the charts of a report from the record of a run, as data (`personalrm.bench.charts`); `drawing` draws them.

leaderboard(record)                 # Dots: accuracy of each line with its interval
cost(record)                        # Scatter, or None if no language model was asked
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from personalrm.bench.charts import Chart, Dots, Lines, Matrix, Point, Scatter, Series
from personalrm.bench.entries import ResultKey, labels
from personalrm.bench.record import RunRecord
from personalrm.bench.report import lines
from personalrm.bench.report.table import Table

TOGETHER = 6
"""Maximum number of curves in one figure: the number of colours."""
CROWDED = 14
"""Maximum number of columns of a matrix."""
FLAT = 3
"""Maximum number of methods without personalization shown in a learning curve."""


def leaderboard(rows: Sequence[RunRecord], title: str = "Accuracy of each method, with its 95 % interval") -> Chart:
    """Dot plot of accuracies with intervals, in the order of the rows; reference line at 0.5 (chance)."""
    series = [_one(row["label"], row["accuracy"], row["low"], row["high"]) for row in rows]
    return Dots(title, "accuracy", tuple(one for one in series if one), 0.5)


def differences(record: RunRecord) -> Chart | None:
    """Matrix of accuracy differences, row's method minus column's method; None for too few or too many methods."""
    names = [row["label"] for row in lines.ranked(record)]
    if not 3 <= len(names) <= CROWDED:
        return None
    known = {(one["name"], one["against"]): one["effect"]["difference"] for one in record["pairwise"]}
    known |= {(other, one): -value for (one, other), value in known.items()}
    values = tuple(tuple(known.get((row, column)) for column in names) for row in names)
    title = "Accuracy of the row's method minus that of the column's, on the pairs both scored"
    return Matrix(title, "", "", tuple(names), tuple(names), values, 0.0)


def calibration(record: RunRecord) -> Iterator[Chart]:
    """Calibration curves (predicted against observed shares), at most `TOGETHER` in a chart."""
    more = lines.details(record)
    curves = []
    for row in lines.ranked(record):
        bins = more[row["label"]]["calibration"]
        points = tuple(Point(one["predicted"], one["observed"], one["low"], one["high"]) for one in bins)
        if points:
            curves.append(Series(row["label"], points))
    for start in range(0, len(curves), TOGETHER):
        some = tuple(curves[start : start + TOGETHER])
        number = f" ({start // TOGETHER + 1})" if len(curves) > TOGETHER else ""
        yield Lines(f"Calibration{number}", "predicted probability", "observed frequency", some, diagonal=True)


def risk_coverage(record: RunRecord) -> Iterator[Chart]:
    """Risk–coverage curves (error rate by share of pairs answered), at most `TOGETHER` in a chart."""
    more = lines.details(record)
    found = [(row["label"], more[row["label"]].get("selective")) for row in lines.ranked(record)]
    curves = [
        Series(label, tuple(Point(each["coverage"], each["risk"]) for each in one["curve"]))
        for label, one in found
        if one
    ]
    for start in range(0, len(curves), TOGETHER):
        number = f" ({start // TOGETHER + 1})" if len(curves) > TOGETHER else ""
        some = tuple(curves[start : start + TOGETHER])
        yield Lines(f"Risk against coverage{number}", "share of pairs answered", "share of wrong answers", some)


def domains(record: RunRecord) -> Chart | None:
    """Matrix of accuracy by method and domain; None for too few or too many domains."""
    more = lines.details(record)
    rows = [(row["label"], more[row["label"]]["domains"]) for row in lines.ranked(record)]
    names = sorted({one["domain"] for _, found in rows for one in found if one["pairs"]})
    if not 2 <= len(names) <= CROWDED:
        return None
    values = tuple(_along(names, found) for _, found in rows)
    title = "Accuracy by domain"
    return Matrix(title, "", "", tuple(names), tuple(label for label, _ in rows), values, 0.5)


def _along(names: Sequence[str], found: Sequence[RunRecord]) -> tuple[float | None, ...]:
    known = {one["domain"]: one["accuracy"] for one in found}
    return tuple(known.get(name) for name in names)


def published(table: Table) -> Chart | None:
    """Dot plot of the published accuracies and ours, from the table `published.published`; None if it is empty."""
    series, marked = [], []
    for at, row in enumerate(table.rows):
        method, _, model, accuracy, interval, _ = row
        low, high = interval if isinstance(interval, tuple) else (None, None)
        name = f"{method} · {model}" if at in table.published else f"ours: {method}"
        series.append(Series(name, (Point(0, float(accuracy), low, high),)))  # type: ignore[arg-type]
        if at in table.published:
            marked.append(name)
    if not series:
        return None
    return Dots("Published accuracies (hollow) and ours (filled)", "accuracy", tuple(series), 0.5, tuple(marked))


def learning(record: RunRecord) -> Iterator[Chart]:
    """Learning curves (accuracy by number of choices), with methods without personalization as horizontal lines."""
    more, curves = lines.details(record), lines.curves(record)
    named = labels([_entry(rows[0]) for rows in curves])
    series = []
    for rows in curves:
        name = named[_entry(rows[0])]
        points = tuple(
            Point(_choices(row, more), row["accuracy"], row["low"], row["high"])
            for row in rows
            if row["accuracy"] is not None and _choices(row, more) is not None
        )
        series.append(Series(name, points))
    places = [point.x for one in series for point in one.points]
    if not places:
        return
    level = _level(record, curves, min(places), max(places))
    room = TOGETHER - len(level)
    for start in range(0, len(series), room):
        number = f" ({start // room + 1})" if len(series) > room else ""
        some = (*series[start : start + room], *level)
        yield Lines(f"Learning curve{number}", "choices learned from, mean of the pairs", "accuracy", some)


def _entry(row: RunRecord) -> ResultKey:
    """The row's key without its limit on choices."""
    return ResultKey(row["name"], row["model"])


def _choices(row: RunRecord, more: Mapping[str, RunRecord]) -> Any:
    return more[row["label"]]["history"] or row["context_pairs"]


def _level(record: RunRecord, curves: list[list[RunRecord]], start: float, end: float) -> tuple[Series, ...]:
    learning_lines = {row["label"] for rows in curves for row in rows}
    others = [row for row in lines.ranked(record) if row["label"] not in learning_lines and row["accuracy"] is not None]
    return tuple(
        Series(f"{row['label']} (no choices)", (Point(start, row["accuracy"]), Point(end, row["accuracy"])))
        for row in others[:FLAT]
    )


def cost(record: RunRecord) -> Chart | None:
    """Accuracy against US dollars per pair, or tokens per pair if prices are unknown; None if no model was asked."""
    rows = [row for row in lines.ranked(record) if row["accuracy"] is not None]
    if not any(row["calls"] for row in rows):
        return None
    if all(row["cost"] is not None for row in rows):
        return _scatter(rows, "US dollars per pair", lambda row: row["cost"])
    return _scatter(rows, "tokens per pair", lambda row: row["prompt_tokens"] + row["completion_tokens"])


def _scatter(rows: Sequence[RunRecord], x_label: str, spent: Callable[[RunRecord], float]) -> Chart:
    series = [
        Series(row["label"], (Point(spent(row) / row["pairs"], row["accuracy"], row["low"], row["high"]),))
        for row in rows
    ]
    return Scatter("Cost against accuracy", x_label, "accuracy", tuple(series), log_x=True)


def _one(name: str, value: float | None, low: float | None, high: float | None) -> Series | None:
    return None if value is None else Series(name, (Point(0, value, low, high),))
