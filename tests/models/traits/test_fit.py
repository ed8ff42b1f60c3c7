"""The mathematics against known answers: scipy, scikit-learn, brute-force integration and refitting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalrm.models.traits import fit as maths


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@given(st.floats(-800, 800))
def test_the_two_sides_sum_to_one_to_the_last_bit(logit: float) -> None:
    both = maths.sigmoid(np.array([logit, -logit]))
    assert both[0] == 1.0 - both[1]
    assert 0.0 <= both[0] <= 1.0


@pytest.mark.parametrize("shape", [(300, 8), (40, 90)])
def test_shared_weights_are_those_of_penalised_logistic_regression(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    from sklearn.linear_model import LogisticRegression

    x = rng.normal(size=shape)
    labels = np.where(rng.random(shape[0]) < maths.sigmoid(x @ rng.normal(size=shape[1])), 1, -1)
    known = LogisticRegression(C=1 / 2.5, fit_intercept=False, tol=1e-10, max_iter=5000).fit(x, labels).coef_[0]
    ours = maths.shared_weights((x * labels[:, None]).astype(np.float32), shrink=2.5)
    assert np.allclose(ours, known, atol=2e-3)


def test_a_summed_gram_and_a_warm_start_change_nothing(rng: np.random.Generator) -> None:
    x = rng.normal(size=(200, 10)).astype(np.float32)
    plain = maths.shared_weights(x, shrink=1.0)
    gram = x[:50].T @ x[:50] + x[50:].T @ x[50:]
    assert np.allclose(plain, maths.shared_weights(x, shrink=1.0, gram=gram, start=plain), atol=1e-3)


def test_person_posterior_is_the_mode_and_the_curvature_there(rng: np.random.Generator) -> None:
    from scipy.optimize import minimize

    offset, t, between = rng.normal(size=15), rng.normal(size=(15, 4)), np.array([0.1, 0.5, 1.0, 0.02])

    def loss(v: np.ndarray) -> float:
        return float(np.logaddexp(0, -(offset + t @ v)).sum() + 0.5 * (v * v / between).sum())

    mode = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-8}).x
    mean, covariance = maths.person_posterior(offset, t, between)
    assert np.allclose(mean, mode, atol=1e-5)
    p = maths.sigmoid(offset + t @ mean)
    hessian = (t * (p * (1 - p))[:, None]).T @ t + np.diag(1 / between)
    assert np.allclose(covariance @ hessian, np.eye(4), atol=1e-8)


def test_absurdly_strong_choices_stay_finite() -> None:
    t = np.full((5, 2), 1e3) * np.array([[1], [-1], [1], [1], [-1]])
    mean, covariance = maths.person_posterior(np.array([500.0, -900.0, 0.0, 30.0, -30.0]), t, np.array([10.0, 10.0]))
    assert np.isfinite(mean).all()
    assert np.isfinite(covariance).all()


def test_integrating_is_close_to_brute_force(rng: np.random.Generator) -> None:
    for logit, variance in ((0.3, 0.5), (2.0, 1.0), (-1.0, 2.0)):
        drawn = maths.sigmoid(rng.normal(logit, np.sqrt(variance), 200_000)).mean()
        ours = maths.sigmoid(maths.integrated(np.array([logit]), np.array([variance])))[0]
        assert ours == pytest.approx(drawn, abs=0.01)


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


def test_between_people_finds_the_trait_in_which_they_differ(rng: np.random.Generator) -> None:
    truth = np.array([1.5, 0.0])
    people, rows, at = [], [], 0
    for _ in range(150):
        t = rng.normal(size=(40, 2))
        signs = np.where(rng.random(40) < maths.sigmoid(t @ rng.normal(0, np.sqrt(truth))), 1.0, -1.0)
        rows.append(t * signs[:, None])
        people.append(np.arange(at, at + 40))
        at += 40
    found = maths.between_people(np.zeros(at), np.concatenate(rows), people, np.full(2, 0.1), trust=5.0, rounds=40)
    assert 0.8 < found[0] < 2.2
    assert found[1] < 0.15


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
