"""Format effects for the summary sentences of studies."""

from __future__ import annotations

from personalrm.formatting.numbers import signed
from personalrm.stats.intervals import Paired

LEVEL = 0.05


def points(effect: Paired) -> str:
    """Format a difference, such as "+4.2 points (95 % interval +1.0 to +7.4, p = 0.012)"."""
    within = ""
    if effect.low is not None and effect.high is not None:
        within = f"95 % interval {signed(100 * effect.low, 1)} to {signed(100 * effect.high, 1)}, "
    return f"{signed(100 * effect.difference, 1)} points ({within}p = {effect.p:.2g})"


def verdict(effect: Paired, significant: str, otherwise: str) -> str:
    """``significant`` if the p-value of the difference is at most `LEVEL`, else ``otherwise``."""
    return significant if effect.p <= LEVEL else otherwise


def share(part: int, whole: int) -> str:
    """Format a share, such as "83% (50 of 60)"."""
    return f"{part / whole:.0%} ({part:,} of {whole:,})" if whole else "none (0 of 0)"
