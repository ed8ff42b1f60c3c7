"""Number formats of all reports, tables and sentences. What rounds to zero is never -0.000."""

from __future__ import annotations


def number(value: float | None) -> str:
    """Three decimals; a dash for None (not measured)."""
    return "–" if value is None else f"{value:z.3f}"


def signed(value: float, decimals: int = 3) -> str:
    """A number with its sign; what rounds to zero is +0.000."""
    return f"{value:+z.{decimals}f}"


def between(low: float | None, high: float | None, *, signed: bool = False) -> str:
    """An interval as text; a dash if an end is None."""
    if low is None or high is None:
        return "–"
    return f"{low:+z.3f} to {high:+z.3f}" if signed else f"{low:z.3f}–{high:z.3f}"
