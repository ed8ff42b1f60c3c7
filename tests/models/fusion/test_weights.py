"""The weight of a judge: against an optimiser, and judges that are of no use."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.models.fusion.weights import (
    ENOUGH,
    PRIOR_MEAN,
    PRIOR_VARIANCE,
    Array,
    as_form,
    earned_weight,
    fused_logit,
    judge_weight,
)
from personalrm.models.traits.fit import sigmoid


def labelled(count: int, right: float, seed: int, soft: bool = False) -> tuple[Array, Array]:
    """Log-odds of what was chosen, which came true as often as they say, and verdicts that favour it so often."""
    draw = np.random.default_rng(seed)
    logit = draw.normal(0.0, 1.0, count)
    logit = np.where(draw.random(count) < sigmoid(logit), logit, -logit)
    verdict = np.where(draw.random(count) < right, 1.0, -1.0) * (draw.exponential(2.0, count) if soft else 1.0)
    return logit, verdict


@pytest.mark.parametrize("right", [0.05, 0.5, 0.7, 0.98])
@pytest.mark.parametrize("count", [1, 40, 3000])
@pytest.mark.parametrize("soft", [False, True])
def test_the_weight_is_the_minimum_that_an_optimiser_finds(right: float, count: int, soft: bool) -> None:
    from scipy.optimize import minimize_scalar

    logit, verdict = labelled(count, right, seed=count, soft=soft)

    def loss(b: float) -> float:
        return float(np.logaddexp(0.0, -(logit + b * verdict)).sum() + (b - PRIOR_MEAN) ** 2 / (2 * PRIOR_VARIANCE))

    expected = minimize_scalar(loss, bracket=(-1.0, 1.0), tol=1e-12).x
    assert judge_weight(logit, verdict) == pytest.approx(expected, abs=1e-6)


def test_without_labels_the_weight_is_that_of_the_prior_and_is_not_used() -> None:
    nothing = np.zeros(0)
    assert judge_weight(nothing, nothing) == PRIOR_MEAN
    assert earned_weight(nothing, nothing).weight == 0.0


def test_verdicts_that_are_not_numbers_are_unscored() -> None:
    """Fault: one NaN among the verdicts made the posterior weight NaN."""
    logit, verdict = labelled(300, 0.8, seed=1)
    longer = np.sign(np.random.default_rng(2).normal(size=300))
    more = np.append(logit, [0.3, np.nan, 0.1]), np.append(verdict, [np.nan, 1.0, np.inf])
    assert judge_weight(*more) == judge_weight(logit, verdict)
    assert earned_weight(*more, np.append(longer, [1.0, 1.0, 1.0])) == earned_weight(logit, verdict, longer)
    assert earned_weight(np.full(200, 1.0), np.full(200, np.nan)) == earned_weight(np.zeros(0), np.zeros(0))


def test_a_good_judge_has_no_weight_before_a_hundred_labels() -> None:
    logit, verdict = labelled(ENOUGH, 0.9, seed=0)
    assert earned_weight(logit[1:], verdict[1:]).weight == 0.0
    assert earned_weight(logit, verdict).weight > 0.5


def test_a_judge_that_only_says_which_response_is_longer_has_no_weight() -> None:
    """Fault: "always longer" gains 3 nats on PRISM, earned a weight of 0.12 and cost 0.56 points of accuracy."""
    draw = np.random.default_rng(3)
    logit, longer = labelled(2000, 0.56, seed=3)
    assert earned_weight(logit, longer).weight > 0.05
    assert earned_weight(logit, longer, longer).weight == 0.0
    assert earned_weight(logit, -longer, longer).weight == 0.0
    other = np.where(draw.random(2000) < 0.65, 1.0, -1.0)
    assert earned_weight(logit, other, longer).weight == earned_weight(logit, other).weight > 0.3


def test_a_judge_that_is_mostly_wrong_is_counted_for_the_other_response() -> None:
    logit, verdict = labelled(500, 0.2, seed=1)
    found = earned_weight(logit, verdict)
    assert found.weight < -0.5
    assert abs(found.weight) <= abs(found.posterior)


@pytest.mark.parametrize("count", [100, 300, 1000])
def test_a_judge_that_answers_at_random_costs_nothing(count: int) -> None:
    """Mean over 40 draws of labels, on 4,000 other pairs of each: at most 0.3 points."""
    cost = []
    for seed in range(40):
        weight = earned_weight(*labelled(count, 0.5, seed)).weight
        logit, verdict = labelled(4000, 0.5, seed + 1000)
        cost.append(np.mean(logit > 0) - np.mean(logit + weight * verdict > 0))
    assert np.mean(cost) <= 0.003


def test_judges_of_equal_weight_add_up_as_the_root_of_their_number() -> None:
    verdicts = np.array([[1.0, 1.0, 1.0, -1.0], [1.0, np.nan, np.nan, -1.0], [np.nan] * 4])
    found = fused_logit(np.array([0.1, 0.2, 0.3]), verdicts, np.full(4, 0.5))
    assert found == pytest.approx([0.1 + 0.5 * 2 / 2, 0.2, 0.3])


def test_a_judge_of_weight_zero_takes_nothing_from_the_others() -> None:
    verdict = np.array([[1.0, -1.0]])
    assert fused_logit(np.zeros(1), verdict, np.array([0.7, 0.0])) == pytest.approx([0.7])


def test_the_two_sides_are_treated_alike() -> None:
    draw = np.random.default_rng(3)
    logit, verdicts, weights = draw.normal(size=9), draw.normal(size=(9, 3)), draw.normal(size=3)
    assert fused_logit(-logit, -verdicts, weights) == pytest.approx(-fused_logit(logit, verdicts, weights))


def test_verdicts_count_by_their_side_or_by_bounded_log_odds() -> None:
    said = np.array([-9.0, -0.5, 0.0, 2.0])
    assert as_form(said, "sign").tolist() == [-1.0, -1.0, 0.0, 1.0]
    assert as_form(said, "log-odds").tolist() == [-4.0, -0.5, 0.0, 2.0]


def test_an_infinite_verdict_is_none_in_a_prediction_as_in_learning() -> None:
    found = fused_logit(np.array([0.1, 0.1]), np.array([[1.0, np.inf], [np.inf, 1.0]]), np.array([0.5, 0.0]))
    assert found.tolist() == [0.6, 0.1]


@pytest.mark.parametrize(
    ("count", "right", "length", "why"),
    [(99, 0.9, 0.5, "labels"), (400, 0.5, 0.5, "nats"), (400, 0.62, 1.0, "length"), (400, 0.8, 0.5, None)],
)
def test_a_judge_without_a_weight_says_why(count: int, right: float, length: float, why: str | None) -> None:
    """``length``: how often the longer response is the one that the judge favours."""
    logit, verdict = labelled(count, right, 3)
    longer = verdict * np.where(np.random.default_rng(0).random(count) < length, 1.0, -1.0)
    found = earned_weight(logit, verdict, longer)
    assert (found.weight == 0.0) == (why is not None)
    assert found.why_unused is None if why is None else why in (found.why_unused or "")
