"""Position bias of a pairwise judge.

Every pair is judged in both orders. A judge that prefers the same position in both orders contradicts itself; one that
does so significantly more often than chance answers by position (Wang et al., arXiv 2305.17926).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

LEAST_SHARE = 0.7
UNLIKELY = 0.02
"""Significance level: a judge that answers at random prefers the same position in both orders in half of the pairs."""


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Counts: pairs with a readable answer in both orders, and those in which the same position won both times."""

    pairs: int = 0
    first: int = 0
    second: int = 0

    @classmethod
    def of(cls, orders: Iterable[tuple[float, float]]) -> PositionBias:
        """From P(response ``a`` is preferred), shown first and shown second; NaN and 0.5 count as unreadable."""
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
        """Share of the pairs in which the same position won in both orders; 0 without pairs."""
        return (self.first + self.second) / self.pairs if self.pairs else 0.0

    @property
    def decides(self) -> bool:
        """Whether the judge answers by position: in at least `LEAST_SHARE` of the pairs, and significantly often."""
        same = self.first + self.second
        chance = sum(math.comb(self.pairs, k) for k in range(same, self.pairs + 1)) / 2**self.pairs
        return self.share >= LEAST_SHARE and chance < UNLIKELY

    def __str__(self) -> str:
        place = "first" if self.first >= self.second else "second"
        return (
            f"in {self.first + self.second} of {self.pairs} pairs it chose the same position in both orders, "
            f"mostly the response shown {place}"
        )
