"""Two small SVG charts; the tables beside them give the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from personalrm.formatting.pages import trusted
from personalrm.store.predictions import PredictionBin

if TYPE_CHECKING:
    from markupsafe import Markup

_WIDTH, _HEIGHT, _EDGE = 640.0, 220.0, 34.0


def over_time(days: Sequence[PredictionBin]) -> Markup | None:
    """Accuracy by day, 0 to 1; None for fewer than two days."""
    if len(days) < 2:
        return None
    first, last = days[0].start, days[-1].start
    points = [((one.start - first) / (last - first), one.right / one.predictions) for one in days]
    return _chart("Accuracy by day", points, guide=[(0.0, 0.5), (1.0, 0.5)], low=0.0)


def calibration(bins: Sequence[PredictionBin]) -> Markup | None:
    """Share of correct predictions by mean confidence, both 0.5 to 1; None for fewer than two bins."""
    if len(bins) < 2:
        return None
    points = [(2.0 * one.confidence - 1.0, one.right / one.predictions) for one in bins]
    return _chart("Share correct by confidence", points, guide=[(0.0, 0.5), (1.0, 1.0)], low=0.0)


def _chart(
    title: str, points: Sequence[tuple[float, float]], guide: Sequence[tuple[float, float]], low: float
) -> Markup:
    placed = [_placed(x, y, low) for x, y in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    dotted = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_placed(x, y, low) for x, y in guide))
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in placed)
    marks = "".join(
        f'<text x="{_EDGE - 6:.0f}" y="{_placed(0, at, low)[1] + 4:.1f}" text-anchor="end">{100 * at:.0f} %</text>'
        for at in (low, 0.5, 1.0)
    )
    return trusted(
        f'<svg class="chart" role="img" aria-label="{title}" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}">'
        f'<polyline class="guide" points="{dotted}"/><polyline class="line" points="{line}"/>'
        f'<g class="dots">{dots}</g><g class="marks">{marks}</g></svg>'
    )


def _placed(x: float, y: float, low: float) -> tuple[float, float]:
    inner = _HEIGHT - 2 * _EDGE / 2
    return _EDGE + 8 + x * (_WIDTH - _EDGE - 24), _EDGE / 2 + (1.0 - (y - low) / (1.0 - low)) * inner
