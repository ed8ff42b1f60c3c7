"""Do a user's own weights predict their later choices better? An empirical-Bayes estimate from other people.

A user's own measured gain is a poor estimate with a dozen choices: on CrowdRAG, PRISM and MT-Bench its correlation with
the gain on later choices is between −0.3 and +0.3 at 2 to 12 choices. The estimate is therefore the gain of other
people with as many choices, adjusted by the user's own measured gain as far as measured gains predicted later gains of
other people (a regression at each of several numbers of groups).

    prior = GainPrior.learned(cases)
    expected = prior.expected(measured=0.02, groups=8)
    expected.share, expected.mean          # 0.58, 0.004: 58 % of such people gain, on average 0.004 nats per choice
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from personalrm.models.traits.features import Array
from personalrm.models.traits.fit import integrated, softplus
from personalrm.models.traits.posterior import Person, leave_out_all, people_posteriors, variances_of

GROUPS = (2, 3, 5, 8, 12, 20)
"""Numbers of training groups at which gains of other people are measured; values between them are interpolated."""
LEAST_CASES = 30
"""Minimum number of people for an estimate at a number of groups."""
BASE = 0.54
"""Share of people whose own weights predict later choices better: mean over PRISM, MT-Bench, CrowdRAG and UKP; its
standard deviation between these sets is about 0.07."""
_USUAL = 50  # pseudo-people with the share `BASE` and mean gain 0: 0.25 / 0.07²
_ALIKE = 200  # pseudo-people per number of groups with the pooled gain of all numbers of groups
_TRUST = 400.0  # number of people at which a measured slope is shrunk by half
_CLIP = 2.0  # measured gains are clipped at this many standard deviations
_CLEAR, _CLEAR_SCALE = 0.05, 4.0  # share of people with a clear taste, and standard deviation of their gains
_CLEAR_SHARE, _CLEAR_KEEPS = 0.73, 0.3
"""Of people whose measured gain exceeds four deviations (77 cases of PRISM, MT-Bench, CrowdRAG and UKP), 73 % gain
later, 0.3 of the measured gain; a linear fit to all gains gives 58 %."""


_TOGETHER = 256  # people solved in one batch


class Case(NamedTuple):
    """One person at one number of groups.

    Attributes:
        groups: number of groups the person's weights were learned from.
        measured: gain in log loss over those groups, each predicted from the others, in nats per choice.
        later: gain over the person's other choices, in nats per choice.
    """

    groups: int
    measured: float
    later: float


class Expected(NamedTuple):
    """Expected gain on a user's later choices.

    Attributes:
        share: share of people like this user whose own weights predict later choices better, in (0, 1).
        mean: expected gain, in nats per choice.
        people: number of people behind the estimate.
    """

    share: float
    mean: float
    people: int


@dataclass(frozen=True, slots=True)
class At:
    """Gains of other people with choices in ``groups`` groups.

    Attributes:
        groups, people: the number of groups, and of people measured with it.
        share: share of them that gained on later choices.
        mean: their mean gain on later choices, in nats per choice.
        usual, deviation: mean and standard deviation of their measured gains, in nats per choice.
        slope: expected later gain per nat of measured gain, in [0, 1].
        tilt: change of the share per standard deviation of measured gain, at least 0.
    """

    groups: int
    people: int
    share: float
    mean: float
    usual: float
    deviation: float
    slope: float
    tilt: float

    def expected(self, measured: float | None) -> Expected:
        """The expectation for a user with this measured gain; None if it could not be measured."""
        if measured is None:
            return Expected(self.share, self.mean, self.people)
        z = min(max((measured - self.usual) / self.deviation, -_CLIP), _CLIP)
        share = min(max(self.share + self.tilt * z, 0.01), 0.99)
        mean = self.mean + self.slope * self.deviation * z
        clear = _clear((measured - self.usual) / self.deviation)
        share += clear * max(_CLEAR_SHARE - share, 0.0)
        return Expected(share, mean + clear * max(_CLEAR_KEEPS * measured - mean, 0.0), self.people)

    def with_groups(self, groups: int) -> At:
        """The estimate for more groups: the noise of the measured gain falls as 1/√groups, so it is more
        informative."""
        more = groups / self.groups
        slope = self.slope * more / (1.0 - self.slope + self.slope * more)
        return replace(self, groups=groups, slope=slope, tilt=self.tilt * math.sqrt(more))


@dataclass(frozen=True, slots=True)
class GainPrior:
    """Gains from own weights of other people, by number of groups; ``at`` is in ascending order of groups."""

    at: tuple[At, ...]

    @property
    def people(self) -> int:
        """Number of people: estimates at one number of groups are informative about the others as well."""
        return max(one.people for one in self.at)

    def expected(self, measured: float | None, groups: int) -> Expected:
        """The expectation for a user with choices in this many groups."""
        first, last = self.at[0], self.at[-1]
        if groups >= last.groups:
            return last.with_groups(groups).expected(measured)._replace(people=self.people)
        low = max((one for one in self.at if one.groups <= groups), key=lambda one: one.groups, default=first)
        high = min((one for one in self.at if one.groups >= groups), key=lambda one: one.groups)
        one, other = low.expected(measured), high.expected(measured)
        part = 0.0 if low is high else math.log(groups / low.groups) / math.log(high.groups / low.groups)
        return Expected(
            (1.0 - part) * one.share + part * other.share,
            (1.0 - part) * one.mean + part * other.mean,
            self.people,
        )

    def least(self, groups: int) -> float:
        """Smallest possible expected gain with this many groups, for any measured gain, in nats per choice."""
        return self.expected(-math.inf, groups).mean

    @classmethod
    def learned(cls, cases: Sequence[Case]) -> GainPrior | None:
        """Estimate from other people's gains; None if too few people have enough choices."""
        cells = {groups: [one for one in cases if one.groups == groups] for groups in GROUPS}
        cells = {groups: some for groups, some in cells.items() if len(some) >= LEAST_CASES}
        if not cells:
            return None
        usual = _pooled(list(cells.values()))
        return cls(tuple(_at(groups, some, usual) for groups, some in cells.items()))

    def elsewhere(self) -> GainPrior:
        """The estimate for people of other data sets, to which only half of this set's deviation applies.

        Half of the deviation of a set's share from `BASE` is taken as common to all sets; likewise for mean gains.
        """
        return GainPrior(tuple(replace(one, share=0.5 * (one.share + BASE), mean=0.5 * one.mean) for one in self.at))

    def as_json(self) -> list[dict[str, float | int]]:
        """JSON numbers with four significant digits."""
        return [
            {name: value if isinstance(value, int) else float(f"{value:.4g}") for name, value in asdict(one).items()}
            for one in self.at
        ]

    @classmethod
    def from_json(cls, state: Sequence[Mapping[str, Any]]) -> GainPrior:
        """Raises KeyError, TypeError or ValueError if a part is missing, out of range or not a number."""
        at = tuple(
            At(int(one["groups"]), int(one["people"]), *(float(one[name]) for name in _NUMBERS)) for one in state
        )
        for one in at:
            numbers = [getattr(one, name) for name in _NUMBERS]
            if (
                not all(map(math.isfinite, numbers))
                or one.groups < 1
                or one.deviation <= 0.0
                or not 0.0 < one.share < 1.0
            ):
                raise ValueError(f"gains at {one.groups} groups")
        if not at:
            raise ValueError("no gains")
        return cls(at)


_NUMBERS = ("share", "mean", "usual", "deviation", "slope", "tilt")
PUBLIC = GainPrior((At(8, 0, 0.54, 0.003, 0.005, 0.05, 0.05, 0.01),))
"""Used without a measured population, such as for profiles of earlier versions: rough values of public data sets."""


class _Draw(NamedTuple):
    """One person at one number of groups: the training part, and the choices (m,), (m, p) to predict."""

    known: Person
    offset: Array
    t: Array


def cases_of(people: Sequence[Person], covariances: Sequence[Array], rng: np.random.Generator) -> list[Case]:
    """People's gains: learned from each number of randomly drawn groups, and tested on the others.

    All people at one number of groups are solved in batches, in a sixth of the time of single solves.

    Args:
        people: their choices, with log-odds by the population's weights.
        covariances: of the weights among people (p, p); of person i the one at i modulo their number.
        rng: draws the groups.
    """
    draws: dict[tuple[int, int], list[_Draw]] = {}
    for at, one in enumerate(people):
        for count in GROUPS:
            if count >= len(one.groups):
                break
            draws.setdefault((count, at % len(covariances)), []).append(_drawn(one, count, rng))
    return [
        case
        for (count, fold), some in draws.items()
        for at in range(0, len(some), _TOGETHER)
        for case in _cases(count, some[at : at + _TOGETHER], covariances[fold])
    ]


def _drawn(person: Person, count: int, rng: np.random.Generator) -> _Draw:
    order = rng.permutation(len(person.groups))
    known = [person.groups[at] for at in order[:count]]
    rows, rest = np.concatenate(known), np.concatenate([person.groups[at] for at in order[count:]])
    ends = np.cumsum([len(one) for one in known])
    groups = [np.arange(end - len(one), end) for one, end in zip(known, ends, strict=True)]
    return _Draw(Person(person.offset[rows], person.t[rows], groups), person.offset[rest], person.t[rest])


def _cases(count: int, draws: Sequence[_Draw], covariance: Array) -> Iterator[Case]:
    known = [one.known for one in draws]
    left_out = leave_out_all(known, covariance)
    for one, found, (mean, spread) in zip(draws, left_out, people_posteriors(known, covariance), strict=True):
        before = _loss(one.known.offset, variances_of(one.known.t, covariance))
        measured = before - _loss(*found)
        later = _loss(one.offset, variances_of(one.t, covariance))
        later -= _loss(one.offset + one.t @ mean, variances_of(one.t, spread))
        yield Case(count, float(measured.mean()), float(later.mean()))


def _loss(logit: Array, variance: Array) -> Array:
    """Log loss (n,) of log-odds whose uncertainty has this variance."""
    return softplus(-integrated(logit, variance))


def _clear(z: float) -> float:
    """Probability that a person with a measured gain of z deviations has a clear taste (mixture of two normals)."""
    if z <= 0.0:
        return 0.0
    odds = _CLEAR / (1.0 - _CLEAR) / _CLEAR_SCALE * math.exp(min(0.5 * z * z * (1.0 - _CLEAR_SCALE**-2), 100.0))
    return odds / (1.0 + odds)


class _Usual(NamedTuple):
    """Share and mean gain of people at all numbers of groups."""

    share: float
    mean: float


def _gained(cases: Sequence[Case]) -> Array:
    """1 where a person gained, 0 where they lost, one half where nothing changed (n,)."""
    later = np.array([one.later for one in cases])
    return np.where(later == 0.0, 0.5, later > 0.0)


def _pooled(cells: Sequence[Sequence[Case]]) -> _Usual:
    """Pooled over numbers of groups. The same people occur at each, so the largest cell's number of people counts."""
    together = [one for some in cells for one in some]
    people = max(map(len, cells))
    share, mean = float(_gained(together).mean()), float(np.mean([one.later for one in together]))
    return _Usual((share * people + BASE * _USUAL) / (people + _USUAL), mean * people / (people + _USUAL))


def _at(groups: int, cases: Sequence[Case], usual_gain: _Usual) -> At:
    """The estimate at one number of groups; slopes are shrunk towards zero by ``_TRUST`` pseudo-people."""
    later, measured = np.array([one.later for one in cases]), np.array([one.measured for one in cases])
    gained = _gained(cases)
    usual, deviation = float(measured.mean()), max(float(measured.std()), 1e-6)
    z = np.clip((measured - usual) / deviation, -_CLIP, _CLIP)
    moves = float(z @ z) * (1.0 + _TRUST / len(cases)) or 1.0
    return At(
        groups=groups,
        people=len(cases),
        share=(float(gained.sum()) + _ALIKE * usual_gain.share) / (len(cases) + _ALIKE),
        mean=(float(later.sum()) + _ALIKE * usual_gain.mean) / (len(cases) + _ALIKE),
        usual=usual,
        deviation=deviation,
        slope=min(max(float(z @ (later - later.mean())) / moves / deviation, 0.0), 1.0),
        tilt=max(float(z @ (gained - gained.mean())) / moves, 0.0),
    )
