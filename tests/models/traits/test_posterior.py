"""One person's posterior against known answers: scipy, refitting, and the time that a thousand choices take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from growth import assert_growth

from personalrm.models.traits import posterior as maths
from personalrm.models.traits.fit import sigmoid
from personalrm.models.traits.posterior import Groups


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def refitted(
    offset: np.ndarray, t: np.ndarray, covariance: np.ndarray, groups: Groups
) -> tuple[np.ndarray, np.ndarray]:
    """Each group predicted from a fit to the others."""
    logit, variance = np.zeros(len(offset)), np.zeros(len(offset))
    for group in groups:
        rest = np.setdiff1d(np.arange(len(offset)), group)
        mean, spread = maths.person_posterior(offset[rest], t[rest], covariance)
        logit[group] = offset[group] + t[group] @ mean
        variance[group] = ((t[group] @ spread) * t[group]).sum(axis=1)
    return logit, variance


def someone(n: int, rng: np.random.Generator, *, each: int = 1) -> tuple[np.ndarray, np.ndarray, Groups]:
    """Log-odds by the population, 28 traits, and groups of ``each`` choices, of somebody with a taste."""
    offset, t = rng.normal(size=n), np.clip(rng.normal(size=(n, 28)) * rng.gamma(1, 1, size=28), -5, 5)
    side = np.where(rng.random(n) < sigmoid(offset + t @ rng.normal(0, 0.3, 28)), 1.0, -1.0)
    groups = [np.arange(at, min(at + each, n)) for at in range(0, n, each)]
    return offset * side, t * side[:, None], groups


def test_person_posterior_is_the_mode_and_the_curvature_there(rng: np.random.Generator) -> None:
    from scipy.optimize import minimize

    offset, t, between = rng.normal(size=15), rng.normal(size=(15, 4)), np.array([0.1, 0.5, 1.0, 0.02])

    def loss(v: np.ndarray) -> float:
        return float(np.logaddexp(0, -(offset + t @ v)).sum() + 0.5 * (v * v / between).sum())

    mode = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8}).x
    mean, covariance = maths.person_posterior(offset, t, between)
    assert np.allclose(mean, mode, atol=1e-5)
    p = sigmoid(offset + t @ mean)
    hessian = (t * (p * (1 - p))[:, None]).T @ t + np.diag(1 / between)
    assert np.allclose(covariance @ hessian, np.eye(4), atol=1e-8)


def test_absurdly_strong_choices_stay_finite() -> None:
    t = np.full((5, 2), 1e3) * np.array([[1], [-1], [1], [1], [-1]])
    mean, covariance = maths.person_posterior(np.array([500.0, -900.0, 0.0, 30.0, -30.0]), t, np.array([10.0, 10.0]))
    assert np.isfinite(mean).all()
    assert np.isfinite(covariance).all()


def test_leaving_a_group_out_is_fitting_without_it(rng: np.random.Generator) -> None:
    offset, t, between = rng.normal(size=12), rng.normal(size=(12, 5)), np.full(5, 0.3)
    groups = [np.arange(0, 3), np.arange(3, 8), np.arange(8, 12)]
    logit, variance = maths.leave_out(offset, t, between, groups)
    for group in groups:
        rest = np.setdiff1d(np.arange(12), group)
        mean, covariance = maths.person_posterior(offset[rest], t[rest], between)
        assert np.allclose(logit[group], offset[group] + t[group] @ mean, atol=1e-5)
        assert np.allclose(variance[group], ((t[group] @ covariance) * t[group]).sum(axis=1), atol=1e-5)


@pytest.mark.parametrize(("size", "centre"), [(3.0, -5.0), (10.0, -12.0), (10.0, -30.0), (10.0, 12.0)])
def test_choices_that_everybody_else_would_not_make_do_not_throw_the_fit_about(
    size: float, centre: float, rng: np.random.Generator
) -> None:
    t, between = np.clip(rng.normal(0, size, (9, 28)), -10, 10), np.full(28, 0.04)
    offset, groups = rng.normal(centre, 1.0, 9), [np.arange(0, 4), np.arange(4, 9)]
    logit, _ = maths.leave_out(offset, t, between, groups)
    for group, rest in ((groups[0], groups[1]), (groups[1], groups[0])):
        mean, _ = maths.person_posterior(offset[rest], t[rest], between)
        assert np.allclose(logit[group], offset[group] + t[group] @ mean, atol=1e-4)


def test_one_group_alone_is_left_to_the_population(rng: np.random.Generator) -> None:
    offset, t, between = rng.normal(size=3), rng.normal(size=(3, 2)), np.array([0.2, 0.4])
    logit, variance = maths.leave_out(offset, t, between, [np.arange(3)])
    assert np.array_equal(logit, offset)
    assert np.allclose(variance, (t * t) @ between)


def test_worth_is_what_refitting_without_the_choice_loses(rng: np.random.Generator) -> None:
    offset, t, between = rng.normal(0, 0.5, 10), rng.normal(size=(10, 3)), np.full(3, 0.2)
    groups = [np.arange(0, 5), np.arange(5, 10)]
    ours = maths.worth(offset, t, between, groups)
    refitted = np.zeros(10)
    for inside, rest in ((groups[0], groups[1]), (groups[1], groups[0])):
        full, _ = maths.person_posterior(offset[rest], t[rest], between)
        for one in rest:
            fewer = rest[rest != one]
            less, _ = maths.person_posterior(offset[fewer], t[fewer], between)
            before = np.logaddexp(0, -(offset[inside] + t[inside] @ full))
            refitted[one] = (np.logaddexp(0, -(offset[inside] + t[inside] @ less)) - before).mean()
    assert np.allclose(ours, refitted, atol=0.01)
    assert np.corrcoef(ours, refitted)[0, 1] > 0.98


@pytest.mark.parametrize(("n", "each"), [(5, 2), (20, 1), (60, 7), (90, 1)])
def test_a_full_covariance_is_left_out_exactly_as_well(n: int, each: int, rng: np.random.Generator) -> None:
    offset, t, groups = someone(n, rng, each=each)
    factor = rng.normal(0, 0.1, size=(28, 3))
    covariance = factor @ factor.T + 0.02 * np.eye(28)
    ours, theirs = maths.leave_out(offset, t, covariance, groups), refitted(offset, t, covariance, groups)
    assert np.allclose(ours[0], theirs[0], atol=1e-8)
    assert np.allclose(ours[1], theirs[1], atol=1e-6)


def test_variances_are_a_diagonal_covariance(rng: np.random.Generator) -> None:
    offset, t, groups = someone(25, rng)
    between = rng.gamma(2.0, 0.02, 28)
    for one, other in (
        (maths.person_posterior(offset, t, between), maths.person_posterior(offset, t, np.diag(between))),
        (maths.leave_out(offset, t, between, groups), maths.leave_out(offset, t, np.diag(between), groups)),
    ):
        assert np.allclose(one[0], other[0], atol=1e-10)
        assert np.allclose(one[1], other[1], atol=1e-10)


def test_many_people_at_once_are_as_one_by_one(rng: np.random.Generator) -> None:
    people = [maths.Person(*someone(n, rng, each=each)) for n, each in ((3, 1), (40, 4), (17, 2), (1, 1), (300, 1))]
    between = np.full(28, 0.04)
    for one, (logit, variance) in zip(people, maths.leave_out_all(people, between), strict=True):
        alone = maths.leave_out(*one[:2], between, one.groups)
        assert np.allclose(logit, alone[0], atol=1e-9)
        assert np.allclose(variance, alone[1], atol=1e-9)


@pytest.mark.parametrize(("n", "most", "mean"), [(300, 1e-2, 1e-3), (1200, 3e-3, 2e-4)])
def test_of_many_groups_one_step_is_nearly_a_refit(
    n: int, most: float, mean: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    offset, t, groups = someone(n, rng)
    between = np.full(28, 0.04)
    ours = maths.leave_out(offset, t, between, groups)
    monkeypatch.setattr(maths, "MOST_REFITS", n)
    monkeypatch.setattr(maths, "_REFITTED_CELLS", n * n)
    theirs = maths.leave_out(offset, t, between, groups)
    assert 0.0 < np.abs(ours[0] - theirs[0]).max() < most
    assert np.abs(ours[0] - theirs[0]).mean() < mean
    assert np.abs(ours[1] - theirs[1]).max() < 3 * most


def test_a_large_group_among_many_small_ones_is_refitted(rng: np.random.Generator) -> None:
    offset, t, _ = someone(400, rng)
    groups = [np.arange(100), *(np.array([at]) for at in range(100, 400))]
    logit, variance = maths.leave_out(offset, t, np.full(28, 0.04), groups)
    theirs = refitted(offset, t, np.full(28, 0.04), groups[:1])
    assert np.allclose(logit[:100], theirs[0][:100], atol=1e-8)
    assert np.allclose(variance[:100], theirs[1][:100], atol=1e-6)


def test_worth_of_many_choices_is_that_of_a_sample_of_groups(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    offset, t, groups = someone(600, rng, each=2)
    some = maths.worth(offset, t, np.full(28, 0.04), groups)
    monkeypatch.setattr(maths, "_MOST_TARGETS", 600)
    every = maths.worth(offset, t, np.full(28, 0.04), groups)
    assert np.isfinite(some).all()
    assert np.corrcoef(some, every)[0, 1] > 0.5  # of a sample of targets


@pytest.mark.slow
@pytest.mark.parametrize("each", [1, 60])
def test_time_grows_with_the_choices_and_not_with_a_power_of_them(each: int, rng: np.random.Generator) -> None:
    def leave_out(someones: Any) -> None:
        offset, t, groups = someones
        maths.leave_out(offset, t, np.full(28, 0.04), groups)
        maths.worth(offset, t, np.full(28, 0.04), groups)

    few, many = (someone(n, rng, each=each) for n in (4_000, 16_000))
    assert_growth(leave_out, few, many, 7)  # 16 times as long if quadratic; it was 256 times
