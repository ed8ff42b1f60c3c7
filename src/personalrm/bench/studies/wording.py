"""Numbers of studies in words: points, intervals, and whether a difference is there at all."""

from __future__ import annotations

from personalrm.stats.intervals import Paired

LEVEL = 0.05


def points(effect: Paired) -> str:
    """ "+4.2 points (95 % interval +1.0 to +7.4, p = 0.012)"."""
    within = ""
    if effect.low is not None and effect.high is not None:
        within = f"95 % interval {100 * effect.low:+.1f} to {100 * effect.high:+.1f}, "
    return f"{100 * effect.difference:+.1f} points ({within}p = {effect.p:.2g})"


def verdict(effect: Paired, there: str, absent: str) -> str:
    """``there`` or ``absent``, by whether the test finds the difference at 5 %."""
    return there if effect.p <= LEVEL else absent


def share(part: int, whole: int) -> str:
    """ "83 % (50 of 60)"."""
    return f"{part / whole:.0%} ({part:,} of {whole:,})" if whole else "none (0 of 0)"
