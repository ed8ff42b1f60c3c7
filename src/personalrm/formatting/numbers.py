"""How a figure is written wherever one is shown to a person."""

from __future__ import annotations


def number(value: float | None) -> str:
    """Three decimals; a dash for what was not measured."""
    return "–" if value is None else f"{value:.3f}"


def between(low: float | None, high: float | None, *, signed: bool = False) -> str:
    """An interval as text."""
    if low is None or high is None:
        return "–"
    return f"{low:+.3f} to {high:+.3f}" if signed else f"{low:.3f}–{high:.3f}"
