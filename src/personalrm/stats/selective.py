"""Selective prediction: the risk–coverage curve, and a confidence threshold with a finite-sample guarantee.

    curve = risk_coverage(probability)               # probability of the chosen response, (pairs,)
    curve.area, curve.at(0.5)                        # area under the curve; risk on the most confident half
    found = sure_threshold(probability, people, 0.2)
    found.threshold                                  # answer where max(p, 1 - p) is at least this

Guarantee: if the calibration people and the people that the threshold is used for are exchangeable, and the method was
trained on none of them, then with probability ``level`` over the calibration people the risk is at most the requested
one. Risk is the share of wrong answers among the answered pairs, with equal weight for each person. The guarantee does
not hold for a single person, or for other populations or tasks.

A threshold passes if a betting test (Waudby-Smith & Ramdas, J. R. Stat. Soc. B 86 (2024), arXiv 2010.09686) shows that
the mean over people of (wrong - risk) is below zero, where unanswered pairs count as 0. The test is valid for any
number of people and any dependence among the pairs of one person. Thresholds are tested in fixed sequences from several
starts (Learn then Test: Angelopoulos et al., arXiv 2110.01052), so that the selection keeps the guarantee valid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalrm.stats.intervals import Codes, Floats
from personalrm.stats.metrics import correctness

LEVEL = 0.9
"""Probability that a threshold keeps its risk."""
THRESHOLDS = np.round(np.arange(0.99, 0.499, -0.01), 2)
"""Candidate thresholds, strictest first."""
STARTS = (0.9, 0.8, 0.7, 0.6)
"""First thresholds of the test sequences; each sequence gets an equal share of 1 - level."""
_MOST_BET = 0.95  # largest bet, as a share of the bet that could lose all wealth with one person


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Risk–coverage curve: the share of wrong answers among the most confident pairs, for each coverage.

    Attributes:
        coverage: share of the scored pairs answered, ascending (pairs,).
        risk: share of wrong answers among them (pairs,); a probability of exactly 0.5 counts as half wrong.
        area: area under the curve (AURC; Geifman & El-Yaniv 2017, arXiv 1705.08500): the mean risk over coverages.
    """

    coverage: Floats
    risk: Floats
    area: float

    def at(self, coverage: float) -> float:
        """Risk if the most confident share ``coverage`` of the pairs, in (0, 1], is answered."""
        place = int(np.searchsorted(self.coverage, coverage - 1e-9))
        return float(self.risk[min(place, len(self.risk) - 1)])


def confidence(probability: Floats) -> Floats:
    """Confidence of each prediction: max(p, 1 - p) (pairs,), NaN where unscored."""
    return np.maximum(probability, 1.0 - probability)


def risk_coverage(probability: Floats, weight: Floats | None = None) -> RiskCoverage | None:
    """The risk–coverage curve of a method.

    Parameters
    ----------
    probability : ndarray of float, shape (pairs,)
        Probability of the response that the person chose; NaN (unscored) is excluded.
    weight : ndarray of float, shape (pairs,), optional
        Weight of each pair (`data.shares`); None: equal weights.

    Returns
    -------
    RiskCoverage or None
        None without a scored pair. Pairs of equal confidence get their mean error, so the order of rows is irrelevant.
    """
    given = ~np.isnan(probability)
    scored, counted = probability[given], _counted(probability, weight)[given]
    if not counted.any():
        return None
    sure, wrong = confidence(scored), 1.0 - correctness(scored)
    _, tied = np.unique(-np.round(sure, 12), return_inverse=True)
    tied = tied.reshape(-1)
    mean = np.bincount(tied, weights=counted * wrong) / np.maximum(np.bincount(tied, weights=counted), 1e-300)
    order = np.argsort(tied, kind="stable")
    each = counted[order]
    answered = np.cumsum(each)
    risk = np.cumsum(each * mean[tied[order]]) / np.maximum(answered, 1e-300)
    return RiskCoverage(answered / answered[-1], risk, float(np.average(risk, weights=each)))


def _counted(probability: Floats, weight: Floats | None) -> Floats:
    return np.ones(len(probability)) if weight is None else weight


@dataclass(frozen=True, slots=True)
class SureThreshold:
    """A confidence threshold: with probability ``level``, the risk above it is at most ``risk`` for new people.

    Attributes:
        risk: guaranteed share of wrong answers.
        threshold: minimum confidence, in [0.5, 1).
        coverage: share of pairs answered, mean over calibration people.
        observed: share of wrong answers among them on the calibration people.
        people: number of calibration people.
        level: probability that the guarantee holds, over the calibration people.
    """

    risk: float
    threshold: float
    coverage: float
    observed: float
    people: int
    level: float = LEVEL


def sure_threshold(
    probability: Floats,
    people: Codes,
    risk: float,
    *,
    level: float = LEVEL,
    seed: int = 0,
    weight: Floats | None = None,
) -> SureThreshold | None:
    """The lowest confidence threshold with a guaranteed risk, calibrated by person.

    Parameters
    ----------
    probability : ndarray of float, shape (pairs,)
        Probability of the response that the person chose, by a method trained on none of these people; NaN is excluded.
    people : ndarray of int, shape (pairs,)
        Integer code of each pair's person.
    risk : float
        Largest share of wrong answers among those answered, in (0, 1).
    level : float
        Probability, over the calibration people, that the guarantee holds.
    seed : int
        Random seed of the order in which the test takes the people.
    weight : ndarray of float, shape (pairs,), optional
        Weight of each pair among those of its person; None: equal weights.

    Returns
    -------
    SureThreshold or None
        None if no threshold passes: too few people, or the risk is too low for the method.
    """
    given = ~np.isnan(probability)
    _, code = np.unique(people[given], return_inverse=True)
    if not code.size:
        return None
    sure, wrong = confidence(probability[given]), 1.0 - correctness(probability[given])
    answered, failed = _by_threshold(sure, wrong, code.reshape(-1), _counted(probability, weight)[given])
    order = np.random.default_rng(seed).permutation(len(answered))
    p_values = _p_values((failed - risk * answered)[order] + risk, risk)
    chosen = _lowest(p_values <= (1.0 - level) / len(STARTS))
    if chosen is None:
        return None
    coverage = float(answered[:, chosen].mean())
    observed = float(failed[:, chosen].mean() / coverage)
    return SureThreshold(risk, float(THRESHOLDS[chosen]), coverage, observed, len(answered), level)


@dataclass(frozen=True, slots=True)
class HeldOutRisk:
    """The guaranteed risk of `sure_threshold`, measured on people that the threshold was not calibrated on.

    Attributes:
        risk: guaranteed share of wrong answers.
        coverage: share of pairs answered; 0 for people whose calibration half has no threshold.
        observed: share of wrong answers among them; None if none is answered.
        thresholds: the thresholds calibrated on each half of the people, None if none passes.
    """

    risk: float
    coverage: float
    observed: float | None
    thresholds: tuple[float | None, float | None]


def held_out_risk(
    probability: Floats, people: Codes, risk: float, *, seed: int = 0, weight: Floats | None = None
) -> HeldOutRisk:
    """Two-fold cross-validation of `sure_threshold` over people: calibrate on one half, measure on the other."""
    names, counted = np.unique(people), _counted(probability, weight)
    half = np.isin(people, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
    coverage = failed = 0.0
    thresholds: list[float | None] = []
    for used in (half, ~half):
        found = sure_threshold(probability[used], people[used], risk, seed=seed, weight=counted[used])
        thresholds.append(None if found is None else found.threshold)
        if found is not None:
            share = len(np.unique(people[~used])) / len(names)
            answered, wrong = selective_risk(probability[~used], people[~used], found.threshold, counted[~used])
            coverage, failed = coverage + share * answered, failed + share * answered * (wrong or 0.0)
    return HeldOutRisk(risk, coverage, failed / coverage if coverage else None, (thresholds[0], thresholds[1]))


def selective_risk(
    probability: Floats, people: Codes, threshold: float, weight: Floats | None = None
) -> tuple[float, float | None]:
    """Coverage and risk of a threshold, with equal weight for each person; the risk is None if no pair is answered."""
    given = ~np.isnan(probability)
    _, code = np.unique(people[given], return_inverse=True)
    if not code.size:
        return 0.0, None
    code = code.reshape(-1)
    answered = confidence(probability[given]) >= threshold - 1e-12
    counted = _counted(probability, weight)[given]
    wrong, size = answered * (1.0 - correctness(probability[given])), np.bincount(code, weights=counted)
    coverage = float((np.bincount(code, weights=counted * answered) / size).mean())
    risk = float((np.bincount(code, weights=counted * wrong) / size).mean())
    return coverage, risk / coverage if coverage else None


def _by_threshold(sure: Floats, wrong: Floats, code: NDArray[np.intp], counted: Floats) -> tuple[Floats, Floats]:
    """For each person and threshold, the share of pairs answered and answered wrong, both (people, thresholds)."""
    order, size = np.argsort(code, kind="stable"), np.bincount(code, weights=counted)[:, None]
    begin = np.concatenate([[0], np.cumsum(np.bincount(code))[:-1]])
    answered = counted[order, None] * (sure[order, None] >= THRESHOLDS - 1e-12)
    failed = answered * wrong[order, None]
    return np.add.reduceat(answered, begin) / size, np.add.reduceat(failed, begin) / size


def _p_values(x: Floats, mean: float) -> Floats:
    """P-values (k,) of the hypotheses that the columns of x (people, k), in [0, 1], have means of at least ``mean``.

    Under the hypothesis the wealth of a bettor against it is a supermartingale; by Ville's inequality it ever exceeds
    1/p with probability at most p. Each bet depends on earlier people only.
    """
    seen = np.arange(1, len(x) + 1)[:, None]
    average = (mean + np.cumsum(x, axis=0)) / (seen + 1.0)
    variance = (0.05 + np.cumsum((x - average) ** 2, axis=0)) / (seen + 1.0)
    start = np.full((1, x.shape[1]), mean), np.full((1, x.shape[1]), 0.05)
    average, variance = (np.vstack([one, whole[:-1]]) for one, whole in zip(start, (average, variance), strict=True))
    edge = np.maximum(mean - average, 0.0)
    bet = np.minimum(edge / (variance + edge**2), _MOST_BET / (1.0 - mean))
    wealth = np.cumsum(np.log1p(bet * (mean - x)), axis=0).max(axis=0, initial=0.0)
    return np.asarray(np.exp(-wealth))


def _lowest(passed: NDArray[np.bool_]) -> int | None:
    """Index of the lowest threshold that a test sequence reaches without a failed test; None if there is none."""
    found: list[int] = []
    for start in STARTS:
        at = int(np.argmin(np.abs(THRESHOLDS - start)))
        run = passed[at:]
        length = len(run) if run.all() else int(np.argmin(run))
        if length:
            found.append(at + length - 1)
    return max(found) if found else None
