"""Estimates how long a run of calls will take, from the answers so far.

forecast = Forecast("fitting", planned=61)
forecast.answered()             # "fitting: 12 of about 61 answers, 8 min left"
forecast.warning()              # returned once, if the run will take long
"""

from __future__ import annotations

import time
from collections.abc import Callable

LONG_S = 1800.0
FEWEST = 4
"""Minimum answers before an estimate: several are in flight at once, and the first comes alone."""


class Forecast:
    """Counts answers against a plan.

    Args:
        verb: name of the work.
        planned: expected number of answers; None if unknown.
        clock: seconds.
    """

    def __init__(self, verb: str, planned: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._verb, self._planned, self._clock = verb, planned, clock
        self._began = clock()
        self._done = 0
        self._warned = False

    def answered(self) -> str:
        """Count an answer; returns the text to show."""
        self._done += 1
        if self._planned is None or self._done > self._planned:
            return f"{self._verb}: {self._done:,} answers"
        left = self.left_s()
        soon = "" if left is None else f", {in_words(left)} left"
        return f"{self._verb}: {self._done:,} of about {self._planned:,} answers{soon}"

    def left_s(self) -> float | None:
        """Estimated seconds left; None if there are too few answers."""
        if self._planned is None or self._done < min(FEWEST, self._planned) or self._done > self._planned:
            return None
        return (self._planned - self._done) * (self._clock() - self._began) / self._done

    def warning(self) -> str | None:
        """A sentence if the run will take long, the first time that this is known; else None."""
        left = self.left_s()
        if self._warned or left is None:
            return None
        self._warned = True
        if left < LONG_S:
            return None
        pace = (self._clock() - self._began) / self._done
        return (
            f"This host answers once every {in_words(pace)}: about {self._planned:,} answers take another "
            f"{in_words(left)}. --preset frugal makes the fewest calls; after Ctrl-C the same command resumes."
        )


def in_words(seconds: float) -> str:
    """'40 s', '12 min', '1 h 40 min'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
