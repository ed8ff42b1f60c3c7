"""Statistics of the traits engine against formulas written out, enumeration, quadrature and simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from personalrm.models.traits.claims import _tested
from personalrm.models.traits.covariance import weight_covariance
from personalrm.models.traits.fit import integrated, sigmoid
from personalrm.models.traits.forgetting import age_weights, forgetful_posterior, prequential_losses
from personalrm.models.traits.posterior import Person, person_posterior, variances_of
from personalrm.models.traits.rankings import stages_of
from personalrm.models.traits.softmax import Stages, loss, mode_of
from personalrm.models.traits.thumbs import Threshold
from personalrm.models.traits.thumbs import rows as thumb_rows

Array = NDArray[np.float64]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12)


def mode_and_hessian(offset: Array, x: Array) -> tuple[Array, Array]:
    """Newton's method written out: mode of Σ log σ(offset + x z) − |z|²/2, and the negative Hessian there."""
    z = np.zeros(x.shape[1])
    for _ in range(60):
        p = 1.0 / (1.0 + np.exp(offset + x @ z))
        hessian = (x.T * (p * (1.0 - p))) @ x + np.eye(len(z))
        z = z + np.linalg.solve(hessian, x.T @ p - z)
    return z, hessian


def test_the_covariance_is_that_of_the_formula(rng: np.random.Generator) -> None:
    """S₀ = median(between) I; 20 times: L = chol(Σ), z's posterior with features T L, v = L m, C = L C_z Lᵀ,
    Σ ← (t S₀ + Σᵤ(vvᵀ + C)) / (t + P)."""
    between, trust = np.array([0.1, 0.4, 0.2]), 5.0
    people = []
    for choices in (3, 9, 14, 6):  # different numbers: the others are padded
        offset, t = rng.normal(size=choices), 2.0 * rng.normal(size=(choices, 3))
        people.append(Person(offset, t, [np.arange(choices)]))
    common = np.median(between) * np.eye(3)
    expected = common
    for _ in range(20):
        root, total = np.linalg.cholesky(expected), trust * common
        for one in people:
            z, hessian = mode_and_hessian(one.offset, one.t @ root)
            v = root @ z
            total = total + np.outer(v, v) + root @ np.linalg.inv(hessian) @ root.T
        expected = total / (trust + len(people))
    np.testing.assert_allclose(weight_covariance(people, between, trust=trust), expected, rtol=1e-5, atol=1e-7)
    assert np.abs(expected - np.diag(np.diag(expected))).max() > 0.01  # a full matrix is told from a diagonal one


@pytest.mark.parametrize("variance", [0.0, 0.3, 1.0, 4.0, 16.0])
def test_the_probability_is_the_mean_over_the_posterior(variance: float) -> None:
    """Gauss–Hermite quadrature of E σ(N(m, v)); MacKay's approximation is known to be within two points."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    logit = np.linspace(-6.0, 6.0, 25)
    exact = sigmoid(logit[:, None] + np.sqrt(variance) * nodes) @ (weights / weights.sum())
    assert np.abs(sigmoid(integrated(logit, np.full(25, variance))) - exact).max() < 0.02


def test_the_posterior_predictive_is_that_of_monte_carlo(rng: np.random.Generator) -> None:
    """The exact posterior by importance sampling from the prior: 40,000 draws of two weights, ten choices."""
    covariance = np.array([[0.6, 0.3], [0.3, 0.5]])
    offset, t = rng.normal(size=10), rng.normal(size=(10, 2))
    mean, spread = person_posterior(offset, t, covariance)
    asked = rng.normal(size=(20, 2))
    drawn = rng.normal(size=(40_000, 2)) @ np.linalg.cholesky(covariance).T
    likelihood = np.exp(-np.logaddexp(0.0, -(offset + drawn @ t.T)).sum(axis=1))
    exact = likelihood @ sigmoid(0.4 + drawn @ asked.T) / likelihood.sum()
    found = sigmoid(integrated(0.4 + asked @ mean, variances_of(asked, spread)))
    assert np.abs(found - exact).max() < 0.025
    alone = sigmoid(integrated(np.full(20, 0.4), variances_of(asked, covariance)))
    assert np.abs(alone - exact).max() > 0.1  # the choices matter


def log_likelihood(rewards: Array) -> float:
    """Of the order in which the rewards stand, best first, by the stages that a ranking is fitted with."""
    names = {str(at): reward for at, reward in enumerate(rewards)}
    stages = stages_of([(name,) for name in names])
    offset = np.full((len(stages), len(rewards) - 1), -np.inf)
    for row, (best, others) in zip(offset, stages, strict=True):
        row[: len(others)] = [names[one] - names[best] for one in others]
    rest = np.zeros((*offset.shape, 1)), np.ones(len(stages)), np.arange(len(stages))
    return -loss(Stages(offset, *rest), np.zeros(1))


def test_probabilities_of_all_orders_sum_to_one(rng: np.random.Generator) -> None:
    """Plackett–Luce by enumeration; the first place alone is a softmax, and two options are Bradley–Terry."""
    rewards = rng.normal(size=4)
    orders = list(itertools.permutations(range(4)))
    chance = np.exp([log_likelihood(rewards[list(one)]) for one in orders])
    assert chance.sum() == pytest.approx(1.0)
    first = np.array([sum(p for p, one in zip(chance, orders, strict=True) if one[0] == best) for best in range(4)])
    np.testing.assert_allclose(first, np.exp(rewards) / np.exp(rewards).sum())
    assert np.exp(log_likelihood(rewards[:2])) == pytest.approx(float(sigmoid(rewards[:1] - rewards[1:2])[0]))


def test_the_mode_under_rankings_is_a_stationary_point_and_a_minimum(rng: np.random.Generator) -> None:
    stages = Stages(rng.normal(size=(9, 3)), rng.normal(size=(9, 3, 2)), rng.uniform(0.2, 2.0, 9), np.arange(9))
    mode, _ = mode_of(stages, np.zeros(2))

    def penalised(z: Array) -> float:
        return loss(stages, z) + 0.5 * float(z @ z)

    for move in 1e-5 * np.eye(2):
        assert penalised(mode + move) - penalised(mode - move) == pytest.approx(0.0, abs=1e-10)
    assert all(penalised(mode + 0.1 * rng.normal(size=2)) > penalised(mode) for _ in range(50))


def test_a_threshold_is_the_log_odds_of_thumbs_down(rng: np.random.Generator) -> None:
    """Equal rewards r, 30 thumbs up of 40, a very wide prior: σ(r − τ) = 3/4, so τ = r − log 3."""
    liked, threshold = [True] * 30 + [False] * 10, Threshold(0.5, 50.0)
    offset, sign, column = thumb_rows(np.full(40, 1.2), liked, threshold)
    assert sign.tolist() == [-1.0] * 30 + [1.0] * 10
    mode, hessian = mode_of(Stages(offset[:, None], column[:, None, None], np.ones(40), np.arange(40)), np.zeros(1))
    assert threshold.mean + threshold.deviation * mode[0] == pytest.approx(1.2 - np.log(3.0), abs=1e-3)
    assert threshold.deviation**2 / hessian[0, 0] == pytest.approx(1.0 / (40 * 0.75 * 0.25), rel=1e-3)
    few = thumb_rows(np.full(2, 1.2), [True, False], threshold._replace(deviation=1e-3))
    held, _ = mode_of(Stages(few[0][:, None], few[2][:, None, None], np.ones(2), np.arange(2)), np.zeros(1))
    assert abs(held[0]) < 1e-2  # a narrow prior stays where it is


def test_the_p_values_of_claims_are_valid_under_the_null(rng: np.random.Generator) -> None:
    """300 people whose choices come true with the stated probabilities: p ≤ α in at most α of them, up to noise."""
    p_values = []
    for _ in range(300):
        chance, t = rng.uniform(0.2, 0.8, 12), rng.normal(size=(12, 3))
        side = np.where(rng.random(12) < chance, 1.0, -1.0)
        p_values.append(_tested(t * side[:, None], np.where(side > 0, chance, 1.0 - chance))[0])
    found = np.concatenate(p_values)
    for level in (0.05, 0.2, 0.5):
        assert level - 0.05 < np.mean(found <= level) < level + 0.035


def test_half_a_life_of_choices_counts_half(rng: np.random.Generator) -> None:
    """The posterior with forgetting is that of the weighted log-likelihood, written out."""
    offset, t, covariance = rng.normal(size=8), rng.normal(size=(8, 2)), np.array([[0.8, 0.2], [0.2, 0.4]])
    weights = age_weights(8, 2.0)
    assert weights.tolist() == pytest.approx([2.0 ** (-age / 2.0) for age in range(7, -1, -1)])
    z, root = np.zeros(2), np.linalg.cholesky(covariance)
    x = t @ root
    for _ in range(60):
        p = 1.0 / (1.0 + np.exp(offset + x @ z))
        hessian = (x.T * (weights * p * (1.0 - p))) @ x + np.eye(2)
        z = z + np.linalg.solve(hessian, x.T @ (weights * p) - z)
    mean, spread = forgetful_posterior(offset, t, covariance, weights)
    np.testing.assert_allclose(mean, root @ z, atol=1e-6)
    np.testing.assert_allclose(spread, root @ np.linalg.inv(hessian) @ root.T, atol=1e-6)


def test_later_choices_are_predicted_from_earlier_ones_of_other_groups_only(rng: np.random.Generator) -> None:
    """Prequential losses without forgetting are those of refitting to the earlier choices."""
    offset, t, covariance = rng.normal(size=26), rng.normal(size=(26, 2)), np.diag([0.8, 0.4])
    groups = [np.arange(at, at + 2) for at in range(0, 26, 2)]
    found = prequential_losses(Person(offset, t, groups), covariance)
    assert found is not None
    assert found.shape == (5, 14)
    expected = []
    for target in range(12, 26):
        before = np.arange(target - target % 2)  # without the other choice of the target's group
        mean, spread = person_posterior(offset[before], t[before], covariance)
        row = t[target : target + 1]
        logit = integrated(offset[target : target + 1] + row @ mean, variances_of(row, spread))
        expected.append(np.logaddexp(0.0, -logit[0]))
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
