"""One person's choices as features, and whether their own weights are expected to improve predictions.

The person's own weights are used unless they are expected to increase the loss on later choices. The expectation is an
empirical-Bayes estimate (`gain`): the gain of other people with as many choices, adjusted by the gain measured on the
person's own groups, each predicted from the others.

    measured = measure(evidence, prior.covariance, prior.gain)
    measured.helps, measured.gain, measured.expected
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personalrm.data.shares import shares
from personalrm.formatting.numbers import signed
from personalrm.models.traits.features import Array
from personalrm.models.traits.fit import integrated, softplus
from personalrm.models.traits.forgetting import posterior_over_time
from personalrm.models.traits.gain import PUBLIC, Expected, GainPrior
from personalrm.models.traits.posterior import Groups, leave_out, variances_of
from personalrm.models.traits.thumbs import Threshold
from personalrm.models.traits.whole import Rewards, WholeEvidence, is_needed
from personalrm.preferences import History, Preference, RankedChoice
from personalrm.profile.records import Arm, ArmScore, ArmSelection
from personalrm.profile.small_numbers import FEWEST_GROUPS, FEWEST_PEOPLE

TOLERANCE = 0.005
"""Expected loss in nats per choice up to which own weights are used: they are already shrunk towards the population's,
and a mean over a few hundred people is not more precise. On PRISM, zero instead costs 0.4 points of accuracy."""
_FEWEST_TO_TEST, _CRITICAL_T = 8, 3.0  # the upper 1 % of Student's t is 3.00 with 7 degrees of freedom, then lower


@dataclass(frozen=True, slots=True)
class Evidence:
    """The decided choices, chosen minus rejected: population log-odds (n,), personal traits (n, p).

    Attributes:
        offset, t, groups: of the pairs.
        weight: weight of each pair if there are pairs of rankings (n,); None if all weights are equal.
        whole: complete rankings, and thumbs; None for a person who gave pairs only.
    """

    offset: Array
    t: Array
    groups: Groups
    weight: Array | None = None
    whole: WholeEvidence | None = None

    def without(self, rows: NDArray[np.intp]) -> Evidence:
        """The evidence without one group's rows."""
        rest = np.setdiff1d(np.arange(len(self.offset)), rows)
        place = np.full(len(self.offset), -1, dtype=np.intp)
        place[rest] = np.arange(len(rest))
        groups = [place[group] for group in self.groups if place[group[0]] >= 0]
        left = next(at for at, group in enumerate(self.groups) if place[group[0]] < 0)
        whole = None if self.whole is None else self.whole.without(left)
        return Evidence(self.offset[rest], self.t[rest], groups, _some(self.weight, rest), whole)

    def shifted(self, departure: Array) -> Evidence:
        """The evidence with weights ``departure`` (p,) added to the population's."""
        whole = None if self.whole is None else self.whole.shifted(departure)
        return replace(self, offset=self.offset + self.t @ departure, whole=whole)

    def posterior(self, covariance: Array, half_life: float | None = None) -> tuple[Array, Array]:
        """Mean (p,) and covariance (p, p) of the difference between the person's weights and the population's.

        Args:
            covariance: of people's weights.
            half_life: for plain pairs, in choices; rankings and thumbs are not discounted.
        """
        if self.whole is not None:
            return self.whole.posterior(covariance)
        return posterior_over_time(self.offset, self.t, covariance, half_life)

    def leave_out(self, covariance: Array) -> tuple[Array, Array]:
        """Logit and variance (n,) of each choice, predicted from the other groups."""
        if self.whole is not None:
            return self.whole.leave_out(self.offset, self.t, self.groups, covariance)
        return leave_out(self.offset, self.t, covariance, self.groups)


def _some(weight: Array | None, rows: NDArray[np.intp]) -> Array | None:
    return None if weight is None else weight[rows]


@dataclass(frozen=True, slots=True)
class Measured:
    """Log loss of each choice (n,) by the population's weights and, from the person's other groups, by their own.

    Attributes:
        before, after: the log losses; ``after`` is None if all choices share one group.
        gain: mean of before − after, in nats per choice; None if not measured.
        rows: the groups of choices.
        expected: expected gain on the person's later choices.
        weight: weight of each choice in the means, so that a ranking counts once; None if all weights are equal.
    """

    before: Array
    after: Array | None
    gain: float | None
    rows: Groups
    expected: Expected
    weight: Array | None = None

    @classmethod
    def of(
        cls,
        before: Array,
        after: Array | None,
        groups: Groups,
        prior: GainPrior = PUBLIC,
        weight: Array | None = None,
    ) -> Measured:
        """Compute it from the losses, the groups and the prior of the gain."""
        gain = None if after is None else _mean(before - after, weight)
        return cls(before, after, gain, groups, prior.expected(gain, len(groups)), weight)

    @property
    def groups(self) -> int:
        """Number of groups of choices."""
        return len(self.rows)

    @property
    def helps(self) -> bool:
        """Whether own weights are used: they change predictions, and the expected loss is at most `TOLERANCE`."""
        return self.expected.mean > -TOLERANCE and self.gain != 0.0

    @property
    def misled(self) -> bool:
        """Whether the predictions in use are significantly worse than even odds."""
        used = self.after if self.after is not None and self.helps else self.before
        return worse_than_even_odds(used, self.rows)


def worse_than_even_odds(losses: Array, groups: Groups) -> bool:
    """Whether log losses (n,) are significantly above log 2: one-sided t-test over at least eight groups, p < .01."""
    if len(groups) < _FEWEST_TO_TEST:
        return False
    above = np.array([losses[rows].mean() for rows in groups]) - math.log(2.0)
    return bool(above.mean() > _CRITICAL_T * above.std(ddof=1) / math.sqrt(len(above)))


def groups_of(choices: Sequence[Preference]) -> list[NDArray[np.intp]]:
    """Positions of the choices of each group, in order of appearance."""
    groups: dict[str, list[int]] = {}
    for index, one in enumerate(choices):
        groups.setdefault(one.group, []).append(index)
    return [np.array(rows, dtype=np.intp) for rows in groups.values()]


def with_whole(evidence: Evidence, history: History, rewards: Rewards, threshold: Threshold) -> Evidence:
    """The pairs of a history, with its complete rankings and thumbs if there are any."""
    if not is_needed(history):
        return evidence
    decided = history.decided
    names = [decided[rows[0]].group for rows in evidence.groups]
    whole = WholeEvidence.of(history, names, rewards, threshold)
    return replace(evidence, weight=np.array(shares(decided)), whole=whole)


def once_a_ranking(choices: Sequence[Preference], evidence: Evidence) -> tuple[Sequence[Preference], Evidence]:
    """The choices with one pair per ranking: its best against its worst response.

    Tests that assume independent choices would otherwise count a ranking of n responses n(n − 1)/2 times.
    """
    if evidence.whole is None:
        return choices, evidence
    rows = widest_pairs(choices)
    return [choices[at] for at in rows], Evidence(evidence.offset[rows], evidence.t[rows], ())


def widest_pairs(choices: Sequence[Preference]) -> NDArray[np.intp]:
    """Positions of one pair per ranking, its best against its worst response, and of all choices between two."""
    pairs: dict[str, list[int]] = {}
    for at, one in enumerate(choices):
        pairs.setdefault(one.ranking or f"\0{at}", []).append(at)
    return np.array([_widest(choices, places) for places in pairs.values()], dtype=np.intp)


def _widest(choices: Sequence[Preference], places: Sequence[int]) -> int:
    if len(places) == 1:
        return places[0]
    tiers = RankedChoice.of([choices[at] for at in places]).tiers
    tier = {text: number for number, texts in enumerate(tiers) for text in texts}
    return max(places, key=lambda at: tier[choices[at].rejected] - tier[choices[at].chosen])


def alone(evidence: Evidence, covariance: Array) -> Array:
    """Log-odds by the population's weights, moderated by the variance between people."""
    return integrated(evidence.offset, variances_of(evidence.t, covariance))


def measure(evidence: Evidence, covariance: Array, prior: GainPrior = PUBLIC) -> Measured:
    """Compare population and own weights, each group of choices predicted from the others."""
    before = softplus(-alone(evidence, covariance))
    if len(evidence.groups) < 2:
        return Measured.of(before, None, evidence.groups, prior, evidence.weight)
    logit, variance = evidence.leave_out(covariance)
    return Measured.of(before, softplus(-integrated(logit, variance)), evidence.groups, prior, evidence.weight)


def predict_group(evidence: Evidence, group: NDArray[np.intp], covariance: Array, prior: GainPrior = PUBLIC) -> Array:
    """Moderated log-odds of one group's choices from the person's other groups, with own weights only if they help."""
    inside = Evidence(evidence.offset[group], evidence.t[group], [np.arange(len(group))])
    rest = evidence.without(group)
    if not len(rest.offset) or not helps(rest, covariance, prior):
        return alone(inside, covariance)
    departure, spread = rest.posterior(covariance)
    return integrated(inside.offset + inside.t @ departure, variances_of(inside.t, spread))


def helps(evidence: Evidence, covariance: Array, prior: GainPrior) -> bool:
    """Whether own weights are used, as in `Measured.helps`; measured only if that could change the result."""
    return surely_help(len(evidence.groups), evidence.t, prior) or measure(evidence, covariance, prior).helps


def surely_help(groups: int, t: Array, prior: GainPrior) -> bool:
    """Whether own weights from choices t (n, p) in this many groups are used, whatever their measured gain."""
    return prior.least(groups) > -TOLERANCE and bool(t.any())


def arm_selection(measured: Measured) -> ArmSelection:
    """The comparison of the two arms, for the profile."""
    arms: dict[Arm, ArmScore] = {"default": _score(measured.before, measured.weight)}
    if measured.after is not None:
        arms["persona"] = _score(measured.after, measured.weight)
    known = measured.groups >= FEWEST_GROUPS and measured.expected.people >= FEWEST_PEOPLE
    share = measured.expected.share if known else None
    reason = _reason(measured, share)
    if not measured.helps:
        return ArmSelection("default", arms, 0.0, None, f"{reason} They are not used.{_warning(measured)}")
    return ArmSelection("persona", arms, measured.gain, share, f"{reason}{_warning(measured)}")


def _warning(measured: Measured) -> str:
    """A sentence if the population is no guide to this person."""
    if not measured.misled:
        return ""
    return (
        " These predictions are worse than even odds (log loss above 0.693): do not rely on them. The population that "
        "the weights were learned from differs from this person or judged other kinds of texts; use people with "
        "similar tasks."
    )


def _reason(measured: Measured, share: float | None) -> str:
    """The measured and the expected gain, in sentences."""
    if measured.gain is None:
        said = "All choices share one group, so their gain cannot be measured."
    else:
        verb = "lower" if measured.gain >= 0 else "raise"
        said = (
            f"With each group of choices predicted from the others, the person's own weights {verb} the log loss by "
            f"{abs(measured.gain):.3f} per choice."
        )
    expected = f"the expected change on later choices is {signed(-measured.expected.mean)}"
    if share is None:
        what = "groups of choices" if measured.groups < FEWEST_GROUPS else "other people"
        few = f" (too few {what} to say how often)"
        return f"{said} By what other people gained, {expected}{few}."
    return f"{said} Of people like this, {share:.0%} are predicted better by their own weights; {expected}."


def _score(losses: Array, weight: Array | None) -> ArmScore:
    """Score of the predictions; exactly 0.5 counts as half correct."""
    even = math.log(2.0)
    right = np.where(losses < even, 1.0, np.where(losses > even, 0.0, 0.5))
    return ArmScore(_mean(losses, weight), _mean(right, weight), len(losses))


def _mean(values: Array, weight: Array | None) -> float:
    return float(np.mean(values) if weight is None else np.average(values, weights=weight))
