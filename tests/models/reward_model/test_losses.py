from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from personalrm.models.reward_model.losses import bradley_terry_loss, margin_log_loss, temperature

rewards = st.lists(st.floats(-8, 8), min_size=2, max_size=6)


def test_by_hand() -> None:
    loss = bradley_terry_loss(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]))
    assert float(loss) == pytest.approx((math.log1p(math.exp(-1)) + math.log1p(math.exp(2))) / 2)
    with_margin = bradley_terry_loss(torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([0.5]))
    assert float(with_margin) == pytest.approx(math.log1p(math.exp(-0.5)))


@given(chosen=rewards, shift=st.floats(-5, 5))
def test_only_differences_count_and_gradients_agree_with_finite_differences(chosen: list[float], shift: float) -> None:
    first = torch.tensor(chosen, dtype=torch.float64, requires_grad=True)
    second = torch.tensor(chosen[::-1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(bradley_terry_loss, (first, second), eps=1e-6, atol=1e-5)
    moved = bradley_terry_loss(first + shift, second + shift).item()
    assert moved == pytest.approx(bradley_terry_loss(first, second).item(), abs=1e-9)


def test_the_temperature_of_simulated_choices_is_recovered() -> None:
    draw = np.random.default_rng(0)
    gaps = draw.normal(size=20_000) * 3
    chosen = np.where(draw.random(20_000) < 1 / (1 + np.exp(-gaps / 2.5)), gaps, -gaps)
    assert temperature(chosen) == pytest.approx(2.5, rel=0.05)
    assert margin_log_loss(chosen / temperature(chosen)) < margin_log_loss(chosen)


def test_few_correct_pairs_give_no_extreme_confidence() -> None:
    assert temperature(np.zeros(0)) == 1.0
    few, many = temperature(np.ones(2)), temperature(np.ones(200))
    assert few == pytest.approx(1 / math.log(3))  # two of two right are as good as three of four
    assert many == pytest.approx(1 / math.log(201))
    assert temperature(np.ones(2) * 0.1) == pytest.approx(few * 0.1)
    assert temperature(np.array([-1.0, -2.0])) == pytest.approx(100.0, rel=1e-6)
