"""What a picture shows, as data: reports and studies say it here, `drawing` draws it.

chart = Lines("Learning curve", "choices to learn from", "accuracy", (Series("traits", (Point(4, .66, .63, .69),)),))
as_json(chart)["kind"]                     # "lines"
from_json(as_json(chart)) == chart
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from personalrm.errors import DataError


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a place, with its 95 % interval if there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A named row of points."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Dots:
    """One value a name, with whiskers: a leaderboard. ``marked`` names values that were published, not measured."""

    title: str
    x_label: str
    series: tuple[Series, ...]
    reference: float | None = None
    marked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lines:
    """Curves with bands. ``diagonal`` draws y = x (calibration), ``log_x`` a logarithmic axis."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    reference: float | None = None
    diagonal: bool = False
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Scatter:
    """Named points in a plane (each series is one name)."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Matrix:
    """Values of rows by columns, shape (rows, columns); None is not measured. ``middle`` is the neutral value."""

    title: str
    x_label: str
    y_label: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    middle: float | None = None


Chart = Dots | Lines | Scatter | Matrix
_KINDS: Mapping[str, type[Chart]] = {"dots": Dots, "lines": Lines, "scatter": Scatter, "matrix": Matrix}


def as_json(chart: Chart) -> dict[str, Any]:
    """A chart as JSON values with its ``kind``."""
    return {"kind": type(chart).__name__.lower(), **asdict(chart)}


def from_json(record: Mapping[str, Any]) -> Chart:
    """What `as_json` gave. DataError if it is no chart."""
    fields = dict(record)
    kind = _KINDS.get(fields.pop("kind", ""))
    try:
        if kind is None:
            raise TypeError
        if "series" in fields:
            fields["series"] = tuple(_series(one) for one in fields["series"])
        for name in ("columns", "rows", "marked"):
            if name in fields:
                fields[name] = tuple(fields[name])
        if "values" in fields:
            fields["values"] = tuple(tuple(row) for row in fields["values"])
        return kind(**fields)
    except (TypeError, KeyError):
        raise DataError(f"expected a chart of a known kind ({', '.join(_KINDS)}), found {str(record)[:80]}") from None


def _series(record: Mapping[str, Any]) -> Series:
    points: Sequence[Mapping[str, Any]] = record["points"]
    return Series(record["name"], tuple(Point(**one) for one in points))
