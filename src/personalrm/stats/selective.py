"""Answering only when sure: risk against coverage, and a threshold with a finite-sample guarantee.

    curve = risk_coverage(probability)               # of the response that was preferred, (pairs,)
    curve.area, curve.at(0.5)                        # area under it; risk on the surest half
    found = sure_threshold(probability, people, 0.2)
    found.threshold                                  # answer where max(p, 1 - p) is at least this; None if none holds

The guarantee. If the people that a threshold is calibrated on and the people it is used for are exchangeable, and the
method has learned from none of them, then with probability ``level`` over the calibration people the risk is at most
the one asked for. Risk is the share of wrong answers among the pairs that are answered, where each person counts alike
however many pairs they have. It is no promise for any single person, nor for other kinds of people or tasks.

A threshold passes if the mean over people of (wrong - risk of the answered pairs, 0 of the others) is shown to be below
zero by a betting test (Waudby-Smith & Ramdas, J. R. Stat. Soc. B 86 (2024), arXiv 2010.09686), which holds for any
number of people and any dependence among the pairs of one person. Thresholds are tested in a fixed sequence from
several starts (Learn then Test: Angelopoulos et al., arXiv 2110.01052), so that choosing among them costs no validity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personalrm.stats.intervals import Codes, Floats
from personalrm.stats.metrics import correctness

LEVEL = 0.9
"""Probability with which a threshold keeps its risk."""
THRESHOLDS = np.round(np.arange(0.99, 0.499, -0.01), 2)
"""Candidates, the strictest first."""
STARTS = (0.9, 0.8, 0.7, 0.6)
"""Where the sequences of tests begin; each has its share of 1 - level."""
_MOST_BET = 0.95  # of the stake that could be lost with one person


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Share of wrong answers among the surest pairs, for each share of pairs that is answered.

    Attributes:
        coverage: share of the scored pairs answered, ascending (pairs,).
        risk: share of wrong answers among them (pairs,); an exactly even probability is half wrong.
        area: under the curve (AURC; Geifman & El-Yaniv 2017, arXiv 1705.08500): the mean risk over coverages.
    """

    coverage: Floats
    risk: Floats
    area: float

    def at(self, coverage: float) -> float:
        """Risk where the surest ``coverage`` of the pairs, in (0, 1], are answered."""
        place = int(np.ceil(coverage * len(self.risk) - 1e-9)) - 1
        return float(self.risk[max(0, place)])


def confidence(probability: Floats) -> Floats:
    """How sure each answer is: the larger of p and 1 - p (pairs,), NaN where unscored."""
    return np.maximum(probability, 1.0 - probability)


def risk_coverage(probability: Floats) -> RiskCoverage | None:
    """The risk–coverage curve of a method.

    Parameters
    ----------
    probability : ndarray of float, shape (pairs,)
        Given to the response that was preferred; NaN (unscored) is left out.

    Returns
    -------
    RiskCoverage or None
        None without a scored pair. Equally sure pairs share their mean error, so that no order of rows wins.
    """
    scored = probability[~np.isnan(probability)]
    if not scored.size:
        return None
    sure, wrong = confidence(scored), 1.0 - correctness(scored)
    _, tied = np.unique(-np.round(sure, 12), return_inverse=True)
    tied = tied.reshape(-1)
    mean = np.bincount(tied, weights=wrong) / np.bincount(tied)
    number = np.arange(1, len(scored) + 1)
    risk = np.cumsum(mean[np.sort(tied)]) / number
    return RiskCoverage(number / len(scored), risk, float(risk.mean()))


@dataclass(frozen=True, slots=True)
class SureThreshold:
    """Answer where the confidence is at least ``threshold``; see the module's guarantee.

    Attributes:
        risk: share of wrong answers that is promised.
        threshold: least confidence, in [0.5, 1).
        coverage: share of pairs answered, mean over calibration people.
        observed: share of wrong answers among them on the calibration people.
        people: calibration people.
        level: probability with which the promise holds.
    """

    risk: float
    threshold: float
    coverage: float
    observed: float
    people: int
    level: float = LEVEL


def sure_threshold(
    probability: Floats, people: Codes, risk: float, *, level: float = LEVEL, seed: int = 0
) -> SureThreshold | None:
    """The lowest threshold of confidence that keeps a risk with a guarantee, calibrated by person.

    Parameters
    ----------
    probability : ndarray of float, shape (pairs,)
        Given to the response that was preferred, by a method that learned from none of these people; NaN is left out.
    people : ndarray of int, shape (pairs,)
        Code of the person behind each pair. All pairs of a person are on one side of the calibration.
    risk : float
        Share of wrong answers that is allowed among those answered, in (0, 1).
    level : float
        Probability, over the calibration people, that the promise holds.
    seed : int
        Random seed of the order in which people are bet on.

    Returns
    -------
    SureThreshold or None
        None where no threshold can be promised: too few people, or the risk is too low for the method.
    """
    given = ~np.isnan(probability)
    _, code = np.unique(people[given], return_inverse=True)
    if not code.size:
        return None
    sure, wrong = confidence(probability[given]), 1.0 - correctness(probability[given])
    answered, failed = _by_threshold(sure, wrong, code.reshape(-1))
    order = np.random.default_rng(seed).permutation(len(answered))
    p_values = _p_values((failed - risk * answered)[order] + risk, risk)
    chosen = _lowest(p_values <= (1.0 - level) / len(STARTS))
    if chosen is None:
        return None
    coverage = float(answered[:, chosen].mean())
    observed = float(failed[:, chosen].mean() / coverage)
    return SureThreshold(risk, float(THRESHOLDS[chosen]), coverage, observed, len(answered), level)


@dataclass(frozen=True, slots=True)
class HeldPromise:
    """A promised risk, tried on people that the threshold was not calibrated on.

    Attributes:
        risk: share of wrong answers that is promised.
        coverage: share of pairs answered; 0 for people whose other half promises nothing.
        observed: share of wrong answers among them; None if none is answered.
        thresholds: of either half of the people, None where nothing can be promised.
    """

    risk: float
    coverage: float
    observed: float | None
    thresholds: tuple[float | None, float | None]


def held_promise(probability: Floats, people: Codes, risk: float, *, seed: int = 0) -> HeldPromise:
    """Calibrate on half of the people and answer the other half's pairs, both ways; arguments as `sure_threshold`."""
    names = np.unique(people)
    half = np.isin(people, np.random.default_rng(seed).permutation(names)[: len(names) // 2])
    coverage = failed = 0.0
    thresholds: list[float | None] = []
    for used in (half, ~half):
        found = sure_threshold(probability[used], people[used], risk, seed=seed)
        thresholds.append(None if found is None else found.threshold)
        if found is not None:
            share = len(np.unique(people[~used])) / len(names)
            answered, wrong = selective_risk(probability[~used], people[~used], found.threshold)
            coverage, failed = coverage + share * answered, failed + share * answered * (wrong or 0.0)
    return HeldPromise(risk, coverage, failed / coverage if coverage else None, (thresholds[0], thresholds[1]))


def selective_risk(probability: Floats, people: Codes, threshold: float) -> tuple[float, float | None]:
    """Coverage and risk of a threshold on other people, each person counting alike; the risk is None if none is
    answered."""
    given = ~np.isnan(probability)
    _, code = np.unique(people[given], return_inverse=True)
    if not code.size:
        return 0.0, None
    code = code.reshape(-1)
    answered = confidence(probability[given]) >= threshold - 1e-12
    wrong, size = answered * (1.0 - correctness(probability[given])), np.bincount(code)
    coverage = float((np.bincount(code, weights=answered) / size).mean())
    return coverage, float((np.bincount(code, weights=wrong) / size).mean()) / coverage if coverage else None


def _by_threshold(sure: Floats, wrong: Floats, code: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Of each person and threshold, the share of pairs answered, and answered wrong, both (people, thresholds)."""
    order, size = np.argsort(code, kind="stable"), np.bincount(code)[:, None]
    begin = np.concatenate([[0], np.cumsum(size)[:-1]])
    answered = (sure[order, None] >= THRESHOLDS - 1e-12).astype(np.float64)
    failed = answered * wrong[order, None]
    return np.add.reduceat(answered, begin) / size, np.add.reduceat(failed, begin) / size


def _p_values(x: Floats, mean: float) -> Floats:
    """Of the hypotheses that the columns of x (people, k), each in [0, 1], have means of at least ``mean`` (k,).

    The wealth of who bets that they are lower is a supermartingale where a hypothesis is true; by Ville's inequality it
    exceeds 1/p at any time with probability p at most. Each bet depends on earlier people alone.
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
    """Position of the lowest threshold that some start reaches through thresholds that all pass."""
    found: list[int] = []
    for start in STARTS:
        at = int(np.argmin(np.abs(THRESHOLDS - start)))
        run = passed[at:]
        length = len(run) if run.all() else int(np.argmin(run))
        if length:
            found.append(at + length - 1)
    return max(found) if found else None
