"""The Laplace posterior of a user's weights: against scipy and the traits engine, and with extreme choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from personalrm.models.learned import adapting
from personalrm.models.learned.adapting import Link, Normal, laplace_posterior, slope, weights_of
from personalrm.models.traits.posterior import person_posterior

LINKS: tuple[Link, ...] = ("identity", "softmax")
PRIOR = Normal(torch.tensor([0.3, -0.2, 0.0, 0.5]), torch.tensor([0.4, 1.0, 4.0, 2.0]))


def problem(people: int, choices: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    offset, t = torch.randn(people, choices, generator=draw), torch.randn(people, choices, 4, generator=draw)
    return offset, 1.5 * t, torch.rand(people, choices, generator=draw) < 0.8


def loss_of(offset: Tensor, t: Tensor, known: Tensor, link: Link) -> Any:
    """The penalised log loss of one person, in numpy."""
    o, rows = offset[known].double().numpy(), t[known].double().numpy()
    mean, variance = PRIOR.mean.double().numpy(), PRIOR.variance.double().numpy()

    def loss(behind: np.ndarray) -> float:
        weights = behind if link == "identity" else np.exp(behind) / np.exp(behind).sum()
        away = behind - mean
        return float(np.logaddexp(0.0, -(o + rows @ weights)).sum() + 0.5 * (away * away / variance).sum())

    return loss


def test_the_linear_posterior_equals_that_of_the_traits_engine() -> None:
    offset, t, known = problem(6, 12)
    centred = Normal(torch.zeros(4), PRIOR.variance)
    mean, covariance = laplace_posterior(offset, t, known, centred, "identity")
    for one in range(6):
        o, rows = offset[one][known[one]].double().numpy(), t[one][known[one]].double().numpy()
        theirs, spread = person_posterior(o, rows, centred.variance.double().numpy())
        assert np.allclose(mean[one], theirs, atol=1e-5)
        assert np.allclose(covariance[one], spread, atol=1e-4)


@pytest.mark.parametrize("link", LINKS)
def test_scipy_finds_no_lower_minimum(link: Link) -> None:
    offset, t, known = problem(20, 12, seed=1)
    found, _ = laplace_posterior(offset, t, known, PRIOR, link)
    for one in range(20):
        loss = loss_of(offset[one], t[one], known[one], link)
        ours = found[one].double().numpy()
        again = minimize(loss, ours, method="BFGS", options={"gtol": 1e-7})
        assert loss(ours) - again.fun < 1e-6
        assert np.allclose(ours, again.x, atol=2e-3)


def test_on_the_simplex_it_is_usually_the_global_minimum() -> None:
    """The loss is not convex there; from one beginning nobody can promise more."""
    offset, t, known = problem(40, 12, seed=2)
    found, _ = laplace_posterior(offset, t, known, PRIOR, "softmax")
    draw, worse = np.random.default_rng(0), []
    for one in range(40):
        loss = loss_of(offset[one], t[one], known[one], "softmax")
        starts = PRIOR.mean.numpy() + draw.normal(size=(6, 4)) * PRIOR.variance.sqrt().numpy()
        lowest = min(minimize(loss, start, method="BFGS").fun for start in starts)
        worse.append(loss(found[one].double().numpy()) - lowest)
    assert np.mean(np.array(worse) < 1e-4) > 0.9
    assert max(worse) < 1.0


@pytest.mark.parametrize("link", LINKS)
def test_without_known_choices_the_posterior_is_the_prior(link: Link) -> None:
    offset, t, known = problem(3, 5)
    found, covariance = laplace_posterior(offset, t, torch.zeros_like(known), PRIOR, link)
    assert torch.equal(found, PRIOR.mean.expand(3, -1))
    assert torch.allclose(covariance, torch.diag(PRIOR.variance).expand(3, -1, -1), rtol=1e-6)


@pytest.mark.parametrize("link", LINKS)
def test_a_batch_equals_single_users(link: Link) -> None:
    offset, t, known = problem(9, 10, seed=3)
    found, covariance = laplace_posterior(offset, t, known, PRIOR, link)
    for one in range(9):
        at = slice(one, one + 1)
        alone, spread = laplace_posterior(offset[at], t[at], known[at], PRIOR, link)
        assert torch.allclose(found[at], alone, atol=1e-4)
        assert torch.allclose(covariance[at], spread, atol=1e-3)


@pytest.mark.parametrize("link", LINKS)
def test_unknown_choices_have_no_effect(link: Link) -> None:
    offset, t, known = problem(4, 10, seed=4)
    found, _ = laplace_posterior(offset, t, known, PRIOR, link)
    other, _ = laplace_posterior(
        torch.where(known, offset, 7.0), torch.where(known[..., None], t, -3.0), known, PRIOR, link
    )
    assert torch.equal(found, other)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("offsets", [0.0, 1e3, -1e3])
@pytest.mark.parametrize("size", [0.0, 1.0, 1e3])
def test_extreme_choices_stay_finite(link: Link, offsets: float, size: float) -> None:
    _, t, known = problem(5, 8, seed=5)
    wide = Normal(torch.zeros(4), torch.tensor([9.0, 9.0, 1e-6, 1e4]))
    t = (size * t).requires_grad_()
    found, covariance = laplace_posterior(torch.full((5, 8), offsets), t, known, wide, link)
    assert found.isfinite().all()
    assert covariance.isfinite().all()
    (found.sum() + covariance.sum()).backward()
    assert t.grad is not None
    assert t.grad.isfinite().all()


@pytest.mark.parametrize("link", LINKS)
def test_the_gradient_agrees_with_finite_differences(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the best guess and of the covariance, by all that goes in."""
    monkeypatch.setattr(adapting, "_TOLERANCE", 1e-10)
    monkeypatch.setattr(adapting, "_ROUNDING", 1e-14)
    offset, t, known = problem(2, 5, seed=6)
    given = [one.double().requires_grad_() for one in (offset, t, PRIOR.mean, PRIOR.variance.log())]

    def found(offset: Tensor, t: Tensor, mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
        return laplace_posterior(offset, t, known, Normal(mean, log_variance.exp()), link)

    assert torch.autograd.gradcheck(found, given, eps=1e-5, atol=1e-5)


@pytest.mark.parametrize("link", LINKS)
def test_the_slope_is_the_jacobian_of_the_margins(link: Link) -> None:
    t, behind = torch.randn(2, 5, 3).double(), torch.randn(2, 3).double()
    for one in range(2):
        moved = torch.autograd.functional.jacobian(lambda b, rows=t[one]: rows @ weights_of(b, link), behind[one])
        assert torch.allclose(slope(t, behind, link)[one], moved)


def test_more_choices_reduce_the_variance() -> None:
    offset, t, _ = problem(1, 60, seed=7)
    spreads = []
    for count in (0, 5, 20, 60):
        known = torch.arange(60)[None] < count
        spreads.append(torch.linalg.eigvalsh(laplace_posterior(offset, t, known, PRIOR, "identity")[1]).sum().item())
    assert spreads == sorted(spreads, reverse=True)
