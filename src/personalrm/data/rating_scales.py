"""Bring the ratings of several users to a common scale, with a slope for each user that is shrunken to the population.

Some users use the whole scale, others only its upper third; a difference of ten points means more from the latter. A
user's mean and standard deviation are estimated by empirical Bayes: n ratings have weight n and the population has
weight `BREAK_EVEN`, so that with five ratings both have the same weight. The order of a user's ratings does not change
and equal ratings stay equal; only the distances change, and with them the pairs that reach ``min_gap``. A rating
without another one to compare with becomes a thumb: up above the user's mean rating, down below it.

    scales = RatingScales(lambda: [("ada", [90, 20]), ("bob", [55, 50])])
    scales.of("bob").slope            # > 1: bob's points have a larger weight
    scales.of("bob").above(55)        # distance to bob's mean on the common scale; negative below it

Source: Morris 1983, Parametric empirical Bayes inference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

BREAK_EVEN = 5.0
"""Number of ratings at which a user's own mean and deviation have weight one half."""


@dataclass(slots=True)
class _Seen:
    """Running statistics of one user's ratings: number, mean and sum of squared deviations (Welford)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, rating: float) -> None:
        self.count += 1
        step = rating - self.mean
        self.mean += step / self.count
        self.squares += step * (rating - self.mean)

    @property
    def deviation(self) -> float:
        return math.sqrt(self.squares / self.count) if self.count > 1 else 0.0

    @property
    def trust(self) -> float:
        return self.count / (self.count + BREAK_EVEN)


@dataclass(frozen=True, slots=True)
class RatingScale:
    """One user's scale.

    Attributes:
        slope: points of the common scale per point of the user's scale.
        middle: the user's shrunken mean rating on the user's own scale; None if unknown.
    """

    slope: float = 1.0
    middle: float | None = None

    def above(self, rating: float) -> float:
        """Rating minus ``middle``, in points of the common scale; 0 if ``middle`` is unknown."""
        return 0.0 if self.middle is None else self.slope * (rating - self.middle)


AS_GIVEN = RatingScale()


class RatingScales:
    """Scales of all users; the ratings are read once, when the first scale is requested.

    Args:
        ratings: yields (user, ratings of one prompt); a user may occur several times.
    """

    def __init__(self, ratings: Callable[[], Iterable[tuple[str, Sequence[float]]]]) -> None:
        self._ratings = ratings
        self._found: Mapping[str, RatingScale] | None = None

    def of(self, user: str) -> RatingScale:
        """A user's scale; the identity for unknown users."""
        if self._found is None:
            self._found = shrunken(self._ratings())
        return self._found.get(user, AS_GIVEN)


def shrunken(ratings: Iterable[tuple[str, Sequence[float]]]) -> dict[str, RatingScale]:
    """The scale of each user; slope 1 for a single user, or if no user's ratings vary."""
    people: dict[str, _Seen] = {}
    for user, some in ratings:
        seen = people.setdefault(user, _Seen())
        for one in some:
            seen.add(one)
    if not people:
        return {}
    varied = [one for one in people.values() if one.deviation > 0.0]
    trusts = sum(one.trust for one in people.values())
    mean = sum(one.trust * one.mean for one in people.values()) / trusts
    if len(people) < 2 or not varied:
        return {user: RatingScale(middle=_middle(one, mean)) for user, one in people.items()}
    logs = sum(one.trust * math.log(one.deviation) for one in varied) / sum(one.trust for one in varied)
    return {user: _scale(one, mean, logs) for user, one in people.items()}


def _scale(seen: _Seen, mean: float, log_deviation: float) -> RatingScale:
    """A user's scale, from the user's statistics and the population's mean and mean log deviation."""
    own = _middle(seen, mean)
    trust = seen.trust if seen.deviation > 0.0 else 0.0  # constant ratings have no information about the deviation
    wide = trust * math.log(seen.deviation or 1.0) + (1.0 - trust) * log_deviation
    slope = math.exp(log_deviation - wide)
    return RatingScale(slope, own)


def _middle(seen: _Seen, mean: float) -> float:
    """A user's mean rating, shrunken towards the population mean."""
    return seen.trust * seen.mean + (1.0 - seen.trust) * mean
