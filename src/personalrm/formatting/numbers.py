"""Number formats of all reports and tables."""

from __future__ import annotations


def number(value: float | None) -> str:
    """Three decimals; a dash for None (not measured)."""
    return "–" if value is None else f"{value:.3f}"


def signed(value: float) -> str:
    """Three decimals with a sign; what rounds to zero is +0.000."""
    return f"{round(value, 3) + 0.0:+.3f}"


def between(low: float | None, high: float | None, *, signed: bool = False) -> str:
    """An interval as text; a dash if an end is None."""
    if low is None or high is None:
        return "–"
    return f"{low:+.3f} to {high:+.3f}" if signed else f"{low:.3f}–{high:.3f}"
