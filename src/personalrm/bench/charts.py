"""Charts as data. Reports and studies build them; `report.drawing` and `report.svg` draw them.

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
    """A point (x, y) with the 95 % interval of y, or None where there is no interval."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A named sequence of points."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Dots:
    """Dot plot with one value and interval for each series. ``marked``: series with published, not measured, values."""

    title: str
    x_label: str
    series: tuple[Series, ...]
    reference: float | None = None
    marked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lines:
    """Line chart with confidence bands. ``diagonal`` draws y = x (calibration), ``log_x`` a logarithmic x axis."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    reference: float | None = None
    diagonal: bool = False
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Scatter:
    """Scatter plot; each series has its own name and mark."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Matrix:
    """Heat map of shape (rows, columns); None: not measured. ``middle`` is the neutral value of the colour scale."""

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
    """Convert a chart to JSON values; ``kind`` names its class."""
    return {"kind": type(chart).__name__.lower(), **asdict(chart)}


def from_json(record: Mapping[str, Any]) -> Chart:
    """Inverse of `as_json`. Raises DataError if the record is not a chart of a known kind."""
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
