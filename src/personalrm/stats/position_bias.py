"""Whether a judge of pairs goes by the place of a response instead of its text.

Every pair is asked in both orders. A judge that names the response shown first both times has contradicted itself; one
that does so far more often than a coin would answers by position (Wang et al., arXiv 2305.17926).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

LEAST_SHARE = 0.7
UNLIKELY = 0.02
"""Probability that a judge without any preference contradicts itself so often: it agrees with itself by chance in half
of the pairs."""


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Of how many pairs both orders were read, and in how many the same place was named both times."""

    pairs: int = 0
    first: int = 0
    second: int = 0

    @classmethod
    def of(cls, orders: Iterable[tuple[float, float]]) -> PositionBias:
        """From P(the response named ``a`` is preferred), shown first and shown second; NaN and 0.5 count as unread."""
        pairs = first = second = 0
        for shown_first, shown_second in orders:
            if 0.5 in (shown_first, shown_second) or math.isnan(shown_first) or math.isnan(shown_second):
                continue
            pairs += 1
            first += shown_first > 0.5 > shown_second
            second += shown_first < 0.5 < shown_second
        return cls(pairs, first, second)

    def __add__(self, other: PositionBias) -> PositionBias:
        return PositionBias(self.pairs + other.pairs, self.first + other.first, self.second + other.second)

    @property
    def share(self) -> float:
        """Share of the pairs in which the same place was named in both orders; 0 without pairs."""
        return (self.first + self.second) / self.pairs if self.pairs else 0.0

    @property
    def decides(self) -> bool:
        """Whether the judge answers by position: often, and more often than chance would."""
        same = self.first + self.second
        chance = sum(math.comb(self.pairs, k) for k in range(same, self.pairs + 1)) / 2**self.pairs
        return self.share >= LEAST_SHARE and chance < UNLIKELY

    def __str__(self) -> str:
        place = "first" if self.first >= self.second else "second"
        return (
            f"in {self.first + self.second} of {self.pairs} pairs it named the same place in both orders, mostly the "
            f"response shown {place}"
        )
