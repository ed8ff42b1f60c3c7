"""Per-user standardisation of rewards: z-scores relative to the responses in the user's history.

Scale.of([0.2, -0.4, 1.1]).standardised(0.5)
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

LEAST_SPREAD = 1e-6
"""Below this standard deviation (log-odds) rewards are centred but not divided."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of a user's rewards, in log-odds."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, rewards: Iterable[float | None]) -> Scale:
        """From the rewards of the responses in the history; unscored ones are excluded."""
        known = [one for one in rewards if one is not None and math.isfinite(one)]
        if len(known) < 2:
            return cls()
        deviation = statistics.pstdev(known)
        return cls(statistics.fmean(known), deviation if deviation > LEAST_SPREAD else 1.0)

    def standardised(self, reward: float | None) -> float | None:
        """The z-score; None stays None."""
        return None if reward is None else (reward - self.mean) / self.deviation
