"""Ratings of several people on one scale: a slope and an offset for each, shrunken towards people in general.

Some people use all of a scale, others its upper third: ten points mean more from these. A person's mean and deviation
are estimated by empirical Bayes: n ratings of their own count as n, people in general as `BREAK_EVEN`, so that after
five ratings half is the person's own. Within one prompt the order of a person's ratings never changes, and equal
ratings stay equal; what changes is how far apart two of them are, and with it which pairs reach ``min_gap``. A rating
that has no other to be compared with lies above or below the middle of the person's scale, which makes it a thumb.

    scales = RatingScales(lambda: [("ada", [90, 20]), ("bob", [55, 50])])
    scales.of("bob").slope            # > 1: bob's points count more
    scales.of("bob").adjusted(55)     # where the rating stands among people in general
    scales.of("bob").above(55)        # in points of the common scale; negative below the middle

Source: Morris 1983, Parametric empirical Bayes inference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

BREAK_EVEN = 5.0
"""Ratings at which a person's own mean and deviation count half."""


@dataclass(slots=True)
class _Seen:
    """Ratings of one person: number, mean and sum of squared deviations (Welford)."""

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
    """One person's scale: ``adjusted(r) = offset + slope · r``.

    Attributes:
        slope, offset: of the line.
        middle: the person's mean, shrunken, in points of their own; None if it is not known.
    """

    slope: float = 1.0
    offset: float = 0.0
    middle: float | None = None

    def adjusted(self, rating: float) -> float:
        """The rating on the common scale."""
        return self.offset + self.slope * rating

    def above(self, rating: float) -> float:
        """How far the rating lies above the middle, in points of the common scale; 0 if the middle is not known."""
        return 0.0 if self.middle is None else self.slope * (rating - self.middle)


AS_GIVEN = RatingScale()


class RatingScales:
    """Scales of all people; the ratings are looked through once, when the first scale is asked for.

    Args:
        ratings: gives who rated, and their ratings of one prompt; a person may come several times.
    """

    def __init__(self, ratings: Callable[[], Iterable[tuple[str, Sequence[float]]]]) -> None:
        self._ratings = ratings
        self._found: Mapping[str, RatingScale] | None = None

    def of(self, user: str) -> RatingScale:
        """A person's scale; ratings of people whose scale is not known stay as given."""
        if self._found is None:
            self._found = shrunken(self._ratings())
        return self._found.get(user, AS_GIVEN)


def shrunken(ratings: Iterable[tuple[str, Sequence[float]]]) -> dict[str, RatingScale]:
    """The scale of each person. One person alone, and people who never vary, keep theirs, with its middle."""
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
    """From a person's ratings, and the mean and logarithm of the deviation of people in general."""
    own = _middle(seen, mean)
    trust = seen.trust if seen.deviation > 0.0 else 0.0  # who gave the same rating always has no scale to go by
    wide = trust * math.log(seen.deviation or 1.0) + (1.0 - trust) * log_deviation
    slope = math.exp(log_deviation - wide)
    return RatingScale(slope, mean - slope * own, own)


def _middle(seen: _Seen, mean: float) -> float:
    """A person's mean, shrunken towards that of people in general."""
    return seen.trust * seen.mean + (1.0 - seen.trust) * mean
