"""Learned models: pairs of one ranking count as one choice in losses and in what is inferred of a person."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from personalrm.models.learned.calibrating import fit_calibrator
from personalrm.models.learned.people import Choices, collate, whole_episode
from personalrm.models.learned.settings import Settings
from personalrm.models.learned.training import method_of
from personalrm.models.reward_model.losses import bradley_terry_loss, margin_log_loss, temperature

WIDTH = 4


def _choices(copies: int, weight: float | None) -> Choices:
    """Three choices, the first of them ``copies`` times, as pairs of one ranking would repeat it."""
    rng = np.random.default_rng(3)
    chosen, rejected = (rng.normal(size=(3, WIDTH)).astype(np.float32) for _ in range(2))
    rows = [0] * copies + [1, 2]
    counted = None if weight is None else np.array([weight] * copies + [1.0, 1.0], np.float32)
    return Choices("ada", chosen[rows], rejected[rows], np.array(rows), counted)


@pytest.mark.parametrize("name", ["lore", "pref", "pal", "vpl", "gpo"])
def test_ten_pairs_of_one_ranking_weigh_as_one_choice(name: str) -> None:
    method = method_of(Settings(name), torch.ones(WIDTH), 1, 0).eval()  # type: ignore[arg-type]
    found = []
    for choices in (_choices(1, None), _choices(10, 0.1), _choices(10, None)):
        batch = collate([whole_episode(choices, 0)])
        target = collate([whole_episode(_choices(1, None), 0)])
        with torch.no_grad():
            mean = method.infer(batch).mean
            margins = method.margins(mean, target)
            loss = method.loss(batch, 0.0, torch.Generator().manual_seed(1))
        found.append((margins.numpy(), float(loss)))
    assert found[1][0] == pytest.approx(found[0][0], abs=1e-4)
    assert found[1][1] == pytest.approx(found[0][1], abs=1e-4)
    assert found[2][1] != pytest.approx(found[0][1], abs=1e-3)


def test_weights_are_padded_and_kept_in_parts() -> None:
    some, other = _choices(10, 0.1), _choices(1, None)
    batch = collate([whole_episode(some), whole_episode(other)])
    assert batch.target_weight.sum(1).tolist() == pytest.approx([3.0, 3.0])
    assert [float(one.known_weight.sum()) for one in batch.split_by_length(2)] == pytest.approx([3.0, 3.0])
    assert collate([whole_episode(other)]).weight is None


def test_scales_and_temperature_count_a_ranking_once() -> None:
    rng = np.random.default_rng(0)
    once = rng.normal(0.5, 1.0, 40)
    often = np.concatenate([np.repeat(once[:1], 10), once[1:]])
    weight = np.array([0.1] * 10 + [1.0] * 39)
    assert temperature(often, weight) == pytest.approx(temperature(once))
    assert margin_log_loss(often, weight) == pytest.approx(margin_log_loss(once))
    zeros = np.zeros(40), np.zeros(49)
    assert fit_calibrator(often, zeros[1], zeros[1], weight) == fit_calibrator(once, zeros[0], zeros[0])
    chosen = torch.tensor(often)
    loss = bradley_terry_loss(chosen, torch.zeros(49, dtype=torch.float64), weight=torch.tensor(weight))
    assert float(loss) * 49 == pytest.approx(float(bradley_terry_loss(torch.tensor(once), torch.zeros(40))) * 40)
