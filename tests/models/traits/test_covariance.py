"""How people differ, against simulated people of whom that is known."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.models.traits.covariance import (
    axes_of,
    low_rank_plus_diagonal,
    weight_covariance,
    weight_variances,
)
from personalrm.models.traits.fit import sigmoid
from personalrm.models.traits.posterior import Person


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def people(truth: np.ndarray, count: int, choices: int, rng: np.random.Generator) -> list[Person]:
    """Simulated people whose weights have this covariance; each choice is a group."""
    found = []
    root = np.linalg.cholesky(truth + 1e-9 * np.eye(len(truth)))
    for _ in range(count):
        t = rng.normal(size=(choices, len(truth)))
        side = np.where(rng.random(choices) < sigmoid(t @ root @ rng.normal(size=len(truth))), 1.0, -1.0)
        groups = [np.array([at]) for at in range(choices)]
        found.append(Person(np.zeros(choices), t * side[:, None], groups))
    return found


def test_variances_find_the_trait_in_which_people_differ(rng: np.random.Generator) -> None:
    some = people(np.diag([1.5, 0.0]), 150, 40, rng)
    found = weight_variances(some, np.full(2, 0.1), trust=5.0, rounds=40)
    assert 0.8 < found[0] < 2.2
    assert found[1] < 0.15


def test_covariance_finds_what_varies_together(rng: np.random.Generator) -> None:
    truth = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 0.3]])
    found = weight_covariance(people(truth, 200, 40, rng), np.full(3, 0.3), trust=10.0, rounds=40)
    correlation = found / np.sqrt(np.outer(np.diag(found), np.diag(found)))
    assert correlation[0, 1] > 0.6
    assert abs(correlation[0, 2]) < 0.3
    assert 0.5 < found[0, 0] < 1.6


def test_what_is_trusted_beyond_all_people_does_not_move(rng: np.random.Generator) -> None:
    some = people(np.eye(3), 20, 10, rng)
    found = weight_covariance(some, np.array([0.1, 0.2, 0.4]), trust=1e9)
    assert np.allclose(found, 0.2 * np.eye(3), atol=1e-6)


def test_people_who_do_not_differ_have_small_variances(rng: np.random.Generator) -> None:
    found = weight_covariance(people(np.zeros((4, 4)), 200, 20, rng), np.full(4, 0.1), trust=5.0)
    assert np.all(np.diag(found) < 0.1)
    assert np.linalg.eigvalsh(found)[0] > 0.0


def test_a_covariance_of_very_many_weights_is_low_rank_plus_diagonal(rng: np.random.Generator) -> None:
    width, factor = 90, rng.normal(0, 0.3, size=(90, 2))
    truth = factor @ factor.T + 0.02 * np.eye(width)
    found = weight_covariance(people(truth, 80, 20, rng), np.full(width, 0.1), trust=10.0, rounds=8)
    assert np.linalg.eigvalsh(found)[0] > 0.0
    assert np.linalg.matrix_rank(found - np.diag(np.diag(found)) + 0.0, tol=1e-9) <= width
    top = axes_of(found)[0].direction
    inside = np.linalg.svd(factor, full_matrices=False)[0]
    assert np.linalg.norm(inside.T @ top) > 0.8  # in the plane of the two true factors


def test_low_rank_plus_diagonal_gives_such_a_matrix_back(rng: np.random.Generator) -> None:
    factor = rng.normal(size=(30, 3))
    truth = factor @ factor.T + np.diag(rng.uniform(0.5, 2.0, 30))
    found = low_rank_plus_diagonal(truth, 3)
    assert np.allclose(np.diag(found), np.diag(truth))
    assert np.abs(found - truth).max() < 0.05 * np.abs(truth).max()


def test_axes_are_the_directions_in_which_people_differ_most() -> None:
    axes = axes_of(np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, 0.0], [0.0, 0.0, 0.5]]))
    assert [round(one.share, 3) for one in axes] == [0.667, 0.222, 0.111]
    assert np.allclose(np.abs(axes[0].direction), [0.5**0.5, 0.5**0.5, 0.0])
    assert axes[0].direction[0] * axes[0].direction[1] < 0
    assert np.allclose(sum(one.loadings**2 for one in axes), 1.0)
