"""Draw charts as inline SVG with matplotlib (extra ``report``), in the colours of the page.

    svg = draw(Lines("Learning curve", "choices to learn from", "accuracy", series))      # "<svg class='chart' …"

Equal charts give equal text. Text stays text, backgrounds are transparent, and every colour is a CSS variable of the
page, so a figure follows the reader's light or dark scheme. Series differ in colour, marker and dash; the palette is
safe for colour-blind readers. A chart without points gives an empty string.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import singledispatch
from io import BytesIO
from itertools import pairwise
from typing import Any

from personalrm.bench.charts import Chart, Dots, Lines, Matrix, Point, Scatter, Series
from personalrm.bench.report.svg import COLOURS, inline
from personalrm.errors import MissingExtra
from personalrm.formatting.numbers import signed
from personalrm.formatting.plot_style import style
from personalrm.formatting.texts import plain, shortened

WIDTH = 7.6
"""Figure width in inches; scaled by the page, text of 9.5 points is as large as the page's small text."""
_NAME, _CELL_NAME = 40, 22
_PLACES = 8
_BANDS = 3
_MARKERS = "osD^vPX*"
_DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)))
_INK, _SOFT, _LINE = COLOURS["--ink"], COLOURS["--soft"], COLOURS["--line"]
_HUES = tuple(colour for name, colour in COLOURS.items() if name.startswith("--hue"))
_MORE, _LESS = COLOURS["--more"], COLOURS["--less"]


def draw(chart: Chart) -> str:
    """Draw a chart as an ``<svg>`` element; an empty string if there is nothing to draw.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("drawing figures needs matplotlib: pip install 'personalrm[report]'") from None
    if _empty(chart):
        return ""
    with matplotlib.rc_context(), _quiet():
        matplotlib.rcdefaults()  # ignore the user's own matplotlib settings
        matplotlib.rcParams.update(style(COLOURS))
        figure = Figure()
        FigureCanvasSVG(figure)
        _onto(chart, figure)
        out = BytesIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return inline(out.getvalue(), plain(chart.title))


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress matplotlib's warnings about missing glyphs; the browser uses its own fonts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _empty(chart: Chart) -> bool:
    if isinstance(chart, Matrix):
        return not any(value is not None for row in chart.values for value in row)
    return not any(one.points for one in chart.series)


@singledispatch
def _onto(chart: Chart, figure: Any) -> None:
    """Draw a chart onto an empty figure."""
    raise TypeError(f"unknown kind of chart: {type(chart).__name__}")


@_onto.register
def _dots(chart: Dots, figure: Any) -> None:
    rows = [one for one in chart.series if one.points]
    figure.set_size_inches(WIDTH, 0.75 + 0.3 * len(rows))
    axes = figure.add_subplot()
    _reference(axes.axvline, chart.reference)
    axes.grid(axis="x")
    for place, one in enumerate(rows):
        published = one.name in chart.marked
        for point in one.points:
            _whisker(axes, point, place, _SOFT if published else _HUES[0], hollow=published)
    axes.set_yticks(range(len(rows)), [shortened(one.name, _NAME) for one in rows], color=_INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(plain(chart.x_label))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.04)
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(rows)), [_value(one.points[0].y) for one in rows], color=_INK)
    right.tick_params(axis="y", length=0)
    right.spines["right"].set_visible(False)


def _whisker(axes: Any, point: Point, place: int, colour: str, *, hollow: bool) -> None:
    if _bounded(point):
        axes.plot([point.low, point.high], [place, place], color=colour, linewidth=1.8, solid_capstyle="butt")
    face = "none" if hollow else colour
    axes.plot([point.y], [place], "D" if hollow else "o", color=colour, markerfacecolor=face, markersize=6)


@_onto.register
def _lines(chart: Lines, figure: Any) -> None:
    series = [one for one in chart.series if one.points]
    figure.set_size_inches(WIDTH, (4.6 if chart.diagonal else 3.6) + _legend_height(series))
    axes = figure.add_subplot()
    if chart.diagonal:
        axes.plot([0, 1], [0, 1], color=_SOFT, linewidth=1, linestyle=_DASHES[2])
    _reference(axes.axhline, chart.reference)
    axes.grid()
    banded = [one for one in series if any(point.low is not None for point in one.points)]
    for place, one in enumerate(series):
        _curve(axes, one, place)
        if len(banded) <= _BANDS:
            _band(axes, one, place)
        else:
            _whiskers(axes, one, place)
    across = [point.x for one in series for point in one.points]
    _scale(axes, across, log=chart.log_x)
    if chart.diagonal:
        axes.set_aspect("equal")
    else:
        _places(axes, across, log=chart.log_x)
    _named(axes, chart.x_label, chart.y_label)
    _legend(figure, axes, series)


def _curve(axes: Any, one: Series, place: int) -> None:
    colour, points = _HUES[place % len(_HUES)], sorted(one.points, key=lambda point: point.x)
    across, up = [point.x for point in points], [point.y for point in points]
    look = {"color": colour, "linestyle": _DASHES[place % len(_DASHES)], "linewidth": 1.6}
    level = len(set(up)) == 1 and not any(point.low is not None for point in points)
    marker = "" if level else _MARKERS[place % len(_MARKERS)]
    axes.plot(across, up, marker=marker, markersize=5, label=shortened(one.name, _NAME), **look)


def _band(axes: Any, one: Series, place: int) -> None:
    known = sorted((point for point in one.points if _bounded(point)), key=lambda point: point.x)
    bounds = [point.low for point in known], [point.high for point in known]
    look = {"color": _HUES[place % len(_HUES)], "alpha": 0.12, "linewidth": 0}
    axes.fill_between([point.x for point in known], *bounds, **look)


def _whiskers(axes: Any, one: Series, place: int) -> None:
    """Draw intervals as vertical lines, used where bands of many curves would overlap."""
    colour = _HUES[place % len(_HUES)]
    for point in filter(_bounded, one.points):
        axes.plot([point.x, point.x], [point.low, point.high], color=colour, linewidth=1.1, alpha=0.6)


def _bounded(point: Point) -> bool:
    return point.low is not None and point.high is not None


@_onto.register
def _scatter(chart: Scatter, figure: Any) -> None:
    series = [one for one in chart.series if one.points]
    figure.set_size_inches(WIDTH, 3.8 + _legend_height(series))
    axes = figure.add_subplot()
    axes.grid()
    for place, one in enumerate(series):
        colour, marker = _HUES[place % len(_HUES)], _MARKERS[place % len(_MARKERS)]
        _whiskers(axes, one, place)
        across, up = [point.x for point in one.points], [point.y for point in one.points]
        name = shortened(one.name, _NAME)
        axes.plot(across, up, linestyle="none", marker=marker, markersize=7, color=colour, label=name)
    _scale(axes, [point.x for one in series for point in one.points], log=chart.log_x)
    _named(axes, chart.x_label, chart.y_label)
    _legend(figure, axes, series)


@_onto.register
def _matrix(chart: Matrix, figure: Any) -> None:
    from matplotlib.patches import Rectangle

    columns, rows = len(chart.columns), len(chart.rows)
    figure.set_size_inches(WIDTH, 1.5 + 0.36 * rows)
    axes = figure.add_subplot()
    shade = _shades(chart)
    for down, row in enumerate(chart.values):
        for across, value in enumerate(row):
            if value is not None:
                colour, depth = shade(value)
                place = (across - 0.48, down - 0.46)
                axes.add_patch(Rectangle(place, 0.96, 0.92, facecolor=colour, alpha=depth, linewidth=0))
            words = "–" if value is None else signed(value) if chart.middle == 0 else _value(value)
            look = {"fontsize": 9.0 if columns <= 10 else 6.5, "color": _SOFT if value is None else _INK}
            axes.text(across, down, words, ha="center", va="center", **look)
    turned = {"rotation": 35, "ha": "left", "rotation_mode": "anchor"} if columns > 3 else {}
    axes.set_xticks(range(columns), [shortened(one, _CELL_NAME) for one in chart.columns], color=_INK, **turned)
    axes.set_yticks(range(rows), [shortened(one, _NAME) for one in chart.rows], color=_INK)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    _named(axes, chart.x_label, chart.y_label)


def _shades(chart: Matrix) -> Callable[[float], tuple[str, float]]:
    """Function from a value to its colour and opacity; opacity grows with the distance from the middle, up to 0.55."""
    known = [value for row in chart.values for value in row if value is not None]
    middle = chart.middle if chart.middle is not None else min(known)
    reach = max(abs(value - middle) for value in known) or 1.0
    return lambda value: (_MORE if value >= middle else _LESS, round(0.55 * abs(value - middle) / reach, 3))


def _reference(line: Callable[..., Any], value: float | None) -> None:
    if value is not None:
        line(value, color=_SOFT, linewidth=1, linestyle=_DASHES[1])


def _scale(axes: Any, across: Sequence[float], *, log: bool) -> None:
    """Set margins and the x scale; a logarithmic axis is linear near 0 if there are values of 0."""
    axes.margins(x=0.06, y=0.08)
    positive = [value for value in across if value > 0]
    if not log or not positive:
        return
    if len(positive) == len(across):
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=min(positive), linscale=0.5)
        axes.set_xlim(-0.15 * min(positive), max(positive) * 2.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.xaxis.set_minor_formatter(lambda value, _: "")


def _places(axes: Any, across: Sequence[float], *, log: bool) -> None:
    """Put ticks at the measured x values if they are few and far enough apart."""
    places = sorted(set(across))
    steps = [math.log10(one) for one in places] if log and places[0] > 0 else places
    gaps = [later - one for one, later in pairwise(steps)]
    if gaps and len(places) <= _PLACES and min(gaps) > 0.05 * (steps[-1] - steps[0]):
        axes.set_xticks(places, [f"{value:,.3g}" for value in places])
        axes.set_xticks([], minor=True)


def _named(axes: Any, x_label: str, y_label: str) -> None:
    axes.set_xlabel(plain(x_label))
    axes.set_ylabel(plain(y_label))


def _legend(figure: Any, axes: Any, series: Sequence[Series]) -> None:
    if len(series) < 2:
        return
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=_legend_columns(series), handlelength=2.8)


def _legend_columns(series: Sequence[Series]) -> int:
    longest = max(len(shortened(one.name, _NAME)) for one in series)
    return 3 if longest <= 18 else 2


def _legend_height(series: Sequence[Series]) -> float:
    """Height of the legend below a figure, in inches."""
    return 0.2 * (len(series) > 1) * -(-len(series) // _legend_columns(series))


def _value(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.0f}"
