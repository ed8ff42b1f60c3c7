"""Do a user's own weights predict their later choices better? An empirical-Bayes estimate from other people.

A user's own measured gain says little with a dozen choices: on CrowdRAG, PRISM and MT-Bench its correlation with the
gain on later choices is between −0.3 and +0.3 at 2 to 12 choices. So what is expected is what other people gained with
as many choices, moved by the user's own measured gain only as far as it predicted later gains of other people (a
regression at each of several numbers of groups).

    prior = GainPrior.learned(cases)
    expected = prior.expected(measured=0.02, groups=8)
    expected.share, expected.mean          # 0.58, 0.004: of people like this 58 % gain, on average 0.004 nats a choice
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
"""Numbers of groups learned from at which gains of other people are measured; between them it is interpolated."""
LEAST_CASES = 30
"""People measured at a number of groups, below which it is left out."""
BASE = 0.54
"""Share of people whose own weights predict later choices better: mean over PRISM, MT-Bench, CrowdRAG and UKP, between
which it has a standard deviation of about 0.07."""
_USUAL = 50  # people added who gain as often as `BASE` says, and nothing on average: 0.25 / 0.07²
_ALIKE = 200  # people added to each number of groups who gain as those at all numbers of groups do
_TRUST = 400.0  # people at which a measured slope counts half
_CLIP = 2.0  # standard deviations; further out a line says no more
_CLEAR, _CLEAR_SCALE = 0.05, 4.0  # share of people with a clear taste; their gains spread so many deviations
_CLEAR_SHARE, _CLEAR_KEEPS = 0.73, 0.3
"""Of people whose measured gain lies beyond four deviations (77 cases of PRISM, MT-Bench, CrowdRAG and UKP) 73 % gain
later, 0.3 of what was measured: a line through everybody's gains says 58 %."""


_TOGETHER = 256  # people solved together


class Case(NamedTuple):
    """One person at one number of groups.

    Attributes:
        groups: the person's weights were learned from these many groups.
        measured: gain in log loss over those groups, each predicted from the others, nats a choice.
        later: gain over the person's other choices, nats a choice.
    """

    groups: int
    measured: float
    later: float


class Expected(NamedTuple):
    """What is expected of a user's later choices.

    Attributes:
        share: of people like this user, the share whose own weights predict later choices better, in (0, 1).
        mean: expected gain, nats a choice.
        people: people behind the estimate.
    """

    share: float
    mean: float
    people: int


@dataclass(frozen=True, slots=True)
class At:
    """Gains of other people who gave choices in ``groups`` groups.

    Attributes:
        groups, people: people measured at this number of groups.
        share: of them, the share that gained on later choices.
        mean: their mean gain on later choices, nats a choice.
        usual, deviation: mean and standard deviation of their measured gains, nats a choice.
        slope: later gain expected for each nat of measured gain, in [0, 1].
        tilt: change of the share for one standard deviation of measured gain, at least 0.
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
        """For a user with this measured gain; None if it could not be measured."""
        if measured is None:
            return Expected(self.share, self.mean, self.people)
        z = min(max((measured - self.usual) / self.deviation, -_CLIP), _CLIP)
        share = min(max(self.share + self.tilt * z, 0.01), 0.99)
        mean = self.mean + self.slope * self.deviation * z
        clear = _clear((measured - self.usual) / self.deviation)
        share += clear * max(_CLEAR_SHARE - share, 0.0)
        return Expected(share, mean + clear * max(_CLEAR_KEEPS * measured - mean, 0.0), self.people)

    def with_groups(self, groups: int) -> At:
        """The same with more groups: the measured gain's noise falls as 1/√groups, so it says more."""
        more = groups / self.groups
        slope = self.slope * more / (1.0 - self.slope + self.slope * more)
        return replace(self, groups=groups, slope=slope, tilt=self.tilt * math.sqrt(more))


@dataclass(frozen=True, slots=True)
class GainPrior:
    """What own weights gained for other people, by the number of groups; ``at`` is in ascending order of groups."""

    at: tuple[At, ...]

    @property
    def people(self) -> int:
        """People behind it: what is known at one number of groups speaks for the others as well."""
        return max(one.people for one in self.at)

    def expected(self, measured: float | None, groups: int) -> Expected:
        """For a user whose choices stand in so many groups."""
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
        """The least mean gain that is expected with so many groups, whatever is measured; nats a choice."""
        return self.expected(-math.inf, groups).mean

    @classmethod
    def learned(cls, cases: Sequence[Case]) -> GainPrior | None:
        """From other people's gains; None where too few people have choices enough."""
        cells = {groups: [one for one in cases if one.groups == groups] for groups in GROUPS}
        cells = {groups: some for groups, some in cells.items() if len(some) >= LEAST_CASES}
        if not cells:
            return None
        usual = _pooled(list(cells.values()))
        return cls(tuple(_at(groups, some, usual) for groups, some in cells.items()))

    def elsewhere(self) -> GainPrior:
        """For people of other sets: what is known of these people's set says half of what is known of those.

        Of the shares of two sets, half of each one's distance from `BASE` is taken to be common; so with mean gains.
        """
        return GainPrior(tuple(replace(one, share=0.5 * (one.share + BASE), mean=0.5 * one.mean) for one in self.at))

    def as_json(self) -> list[dict[str, float | int]]:
        """Plain numbers, four significant digits."""
        return [
            {name: value if isinstance(value, int) else float(f"{value:.4g}") for name, value in asdict(one).items()}
            for one in self.at
        ]

    @classmethod
    def from_json(cls, state: Sequence[Mapping[str, Any]]) -> GainPrior:
        """Raises KeyError, TypeError or ValueError if a part is missing, out of range or no number."""
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
"""Where no population was measured, such as in profiles of an earlier version: roughly what is seen on public sets."""


class _Draw(NamedTuple):
    """One person at one number of groups: what is learned from, and the choices (m,), (m, p) that it is applied to."""

    known: Person
    offset: Array
    t: Array


def cases_of(people: Sequence[Person], covariances: Sequence[Array], rng: np.random.Generator) -> list[Case]:
    """People's gains: learned from each number of groups, drawn at random, and applied to the others.

    All people at one number of groups are solved together, a sixth of the time of one after the other.

    Args:
        people: their choices, on top of the population's log-odds.
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
    """Probability that a measured gain of z deviations is of somebody with a clear taste (a mixture of two normals)."""
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
    """Of all numbers of groups; the same people stand behind them, so no more are counted than behind the largest."""
    together = [one for some in cells for one in some]
    people = max(map(len, cells))
    share, mean = float(_gained(together).mean()), float(np.mean([one.later for one in together]))
    return _Usual((share * people + BASE * _USUAL) / (people + _USUAL), mean * people / (people + _USUAL))


def _at(groups: int, cases: Sequence[Case], usual_gain: _Usual) -> At:
    """Slopes are drawn towards zero, as if ``_TRUST`` more people had shown none."""
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
