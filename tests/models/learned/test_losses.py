"""Losses: by hand, against other implementations, and gradients against finite differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import logsigmoid
from vector_people import FORMS, WIDTH, batch_of, choices_by, linear, untrained

from personalrm.models.learned import adapting, gpo, lore, pal, pref, vpl
from personalrm.models.learned.method import Method, masked_log_loss, moderated
from personalrm.models.learned.people import Batch, collate, random_episode
from personalrm.models.reward_model.losses import bradley_terry_loss
from personalrm.models.traits.fit import integrated, sigmoid


@pytest.fixture
def batch() -> Batch:
    """Four people, some of whose choices are known, in double precision."""
    draw = np.random.default_rng(0)
    people = [choices_by(linear(draw.normal(size=WIDTH)), f"{at}", draw, 5 + 2 * at) for at in range(4)]
    return in_double(collate([random_episode(one, draw, at) for at, one in enumerate(people)]))


def in_double(batch: Batch) -> Batch:
    return replace(batch, chosen=batch.chosen.double(), rejected=batch.rejected.double())


def shaken(method: Method) -> Method:
    """Away from where it begins, so that no part of a gradient is nothing, in double precision."""
    draw = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for one in method.parameters():
            one += 0.2 * torch.randn(one.shape, generator=draw)
    return method.double()


def test_log_loss_equals_that_of_torch_and_trl() -> None:
    draw = torch.Generator().manual_seed(0)
    chosen, rejected = torch.randn(2, 3, 7, generator=draw).double()
    mask = torch.rand(3, 7, generator=draw) < 0.6
    ours = masked_log_loss(chosen - rejected, mask)
    assert torch.allclose(ours, bradley_terry_loss(chosen[mask], rejected[mask]))
    assert torch.allclose(ours, -logsigmoid(chosen - rejected)[mask].mean())  # TRL's
    assert masked_log_loss(chosen - rejected, torch.zeros_like(mask)) == 0.0


def test_log_loss_and_moderation_agree_with_finite_differences() -> None:
    draw = torch.Generator().manual_seed(1)
    margins = torch.randn(2, 5, generator=draw).double().requires_grad_()
    variance = torch.rand(2, 5, generator=draw).double().requires_grad_()
    mask = torch.rand(2, 5, generator=draw) < 0.7
    assert torch.autograd.gradcheck(lambda m: masked_log_loss(m, mask), (margins,))
    assert torch.autograd.gradcheck(moderated, (margins, variance))
    assert torch.autograd.gradcheck(lambda m, v: masked_log_loss(moderated(m, v), mask), (margins, variance))


def test_extreme_margins_have_a_finite_loss() -> None:
    margins = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    loss = masked_log_loss(margins, torch.ones(1, 3, dtype=torch.bool))
    loss.backward()
    assert loss.isfinite()
    assert margins.grad is not None
    assert margins.grad.isfinite().all()


def test_moderation_is_the_mean_over_the_posterior() -> None:
    margins, variance = torch.tensor([0.3, 2.0, -1.0]), torch.tensor([0.5, 1.0, 2.0])
    ours = moderated(margins, variance).numpy()
    assert np.allclose(ours, integrated(margins.double().numpy(), variance.double().numpy()), atol=1e-6)
    drawn = np.random.default_rng(0).normal(margins.numpy(), variance.sqrt().numpy(), (200_000, 3))
    assert np.allclose(sigmoid(ours.astype(float)), sigmoid(drawn).mean(0), atol=0.01)


@pytest.mark.parametrize(("name", "published"), FORMS)
def test_each_loss_agrees_with_finite_differences(
    name: str, published: bool, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every parameter; for our own LoRe, PAL and PReF through the steps that find a person's weights."""
    monkeypatch.setattr(adapting, "_TOLERANCE", 1e-10)
    monkeypatch.setattr(adapting, "_ROUNDING", 1e-14)
    method = shaken(untrained(name, published=published))

    def loss() -> Tensor:
        return method.loss(batch, 0.5, torch.Generator().manual_seed(3))

    loss().backward()
    draw, near = torch.Generator().manual_seed(4), 1e-5
    for label, one in method.named_parameters():
        if not one.requires_grad:
            continue
        assert one.grad is not None, label
        for _ in range(2):
            way = torch.randn(one.shape, generator=draw).double()
            sides = []
            for sign in (near, -near):
                with torch.no_grad():
                    one += sign * way
                    sides.append(loss().item())
                    one -= sign * way
            expected = (sides[0] - sides[1]) / (2 * near)
            assert (one.grad * way).sum().item() == pytest.approx(expected, rel=1e-4, abs=1e-7), label


def test_the_divergence_of_vpl_is_that_of_torch(batch: Batch) -> None:
    method = shaken(vpl.VPL(torch.zeros(WIDTH), 4, vpl.Settings(beta=0.3, warmup=0.5)))

    def loss(progress: float) -> Tensor:
        return method.loss(batch, progress, torch.Generator().manual_seed(0))

    posterior = method.infer(batch)
    divergence = (
        kl_divergence(Normal(posterior.mean, posterior.covariance.sqrt()), Normal(0.0, 1.0)).sum() / batch.target.sum()
    )
    assert divergence > 0.01
    assert torch.allclose(loss(0.5) - loss(0.0), 0.3 * divergence)
    assert torch.allclose(loss(0.25) - loss(0.0), 0.15 * divergence)
    assert loss(1.0) == loss(0.5)


def test_gpo_splits_long_batches_without_changing_the_loss(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    method = shaken(untrained("gpo"))
    whole = method.loss(batch, 0.5, torch.Generator())
    monkeypatch.setattr(gpo, "_LONG", 3)
    assert torch.allclose(method.loss(batch, 0.5, torch.Generator()), whole)


def test_lore_mixes_rewards_on_the_simplex() -> None:
    method = lore.LoRe(torch.zeros(WIDTH), 3, lore.Settings())
    mean, x = torch.randn(2, 8), torch.randn(2, 5, WIDTH)
    mixed = torch.einsum("pb,bd,pnd->pn", mean.softmax(-1), method.basis, x)
    assert torch.allclose(method.rewards(mean, x), mixed, atol=1e-5)


def test_pal_prefers_the_response_nearer_to_the_ideal_point() -> None:
    method = pal.PAL(torch.zeros(WIDTH), 3, pal.Settings())
    mean, (chosen, rejected) = torch.randn(2, 6), torch.randn(2, 2, 5, WIDTH)
    ideal = (mean.softmax(-1) @ method.prototypes)[:, None]
    far = [(x @ method.map.T - ideal).square().sum(-1) for x in (chosen, rejected)]
    found = method.rewards(mean, chosen) - method.rewards(mean, rejected)
    assert torch.allclose(found, far[1] - far[0], atol=1e-5)


def test_pref_is_coefficients_times_features() -> None:
    method = pref.PReF(torch.eye(1, WIDTH)[0], 3, pref.Settings(factors=4))
    mean, x = torch.randn(2, 4), torch.randn(2, 5, WIDTH)
    expected = x[..., 0] + torch.einsum("pj,jd,pnd->pn", mean, method.directions, x)
    assert torch.allclose(method.rewards(mean, x), expected, atol=1e-5)


def test_the_published_form_is_the_penalised_likelihood_of_the_paper() -> None:
    """Of a batch of everybody: equation 5 of PReF, divided by the number of choices."""
    draw = np.random.default_rng(0)
    method = pref.PReF(torch.zeros(WIDTH), 3, pref.Settings(factors=4, prior_std=0.5, published=True))
    people = batch_of([choices_by(linear(np.zeros(WIDTH)), f"{at}", draw, 5) for at in range(3)])
    likelihood = masked_log_loss(method.margins(method.table, people), people.target)
    held = 2.0 * method.table.square().sum() + 0.15 * method.directions.square().sum()
    found = method.loss(people, 0.0, torch.Generator())
    assert torch.allclose(found, likelihood + held / 15, atol=1e-6)
