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


def test_integrating_is_close_to_brute_force(rng: np.random.Generator) -> None:
    for logit, variance in ((0.3, 0.5), (2.0, 1.0), (-1.0, 2.0)):
        drawn = maths.sigmoid(rng.normal(logit, np.sqrt(variance), 200_000)).mean()
        ours = maths.sigmoid(maths.integrated(np.array([logit]), np.array([variance])))[0]
        assert ours == pytest.approx(drawn, abs=0.01)


def test_a_warm_start_changes_nothing(rng: np.random.Generator) -> None:
    x = rng.normal(size=(200, 10)).astype(np.float32)
    plain = maths.shared_weights(x, shrink=1.0)
    assert np.allclose(plain, maths.shared_weights(x, shrink=1.0, start=plain), atol=1e-3)


@pytest.mark.parametrize("shape", [(240, 6), (60, 90)])
def test_cross_fitting_is_fitting_without_the_fold(shape: tuple[int, int], rng: np.random.Generator) -> None:
    x = (rng.normal(size=shape) * rng.choice([-1.0, 1.0, 1.0], size=(shape[0], 1)) + 0.05).astype(np.float32)
    fold = np.arange(shape[0]) % 3
    crossed = maths.cross_fitted(x, fold)
    for one in range(3):
        away = maths.shared_weights(x[fold != one], shrink=crossed.shrink)
        assert np.allclose(
            crossed.outside[fold == one], x[fold == one] @ away, atol=5e-2
        )  # more columns than rows: slow to converge
    chosen, inverse_temperature = maths.sharpest(crossed.outside)
    assert inverse_temperature == crossed.inverse_temperature
    assert chosen <= maths.log_loss(crossed.outside)


def test_the_log_loss_of_any_logit_is_finite() -> None:
    logit = np.array([-800.0, -30.0, 0.0, 30.0, 800.0])
    assert np.allclose(maths.softplus(logit), np.logaddexp(0.0, logit), rtol=1e-15)
