"""Each method finds the rewards of new people again, in a population made as the method says people are.

Responses are random vectors, choices are noisy (Bradley–Terry), and nobody is tested on who was trained on. Rewards of
fresh responses are compared, so that whatever a parametrisation leaves open (an order, a rotation, a shift) plays no
part. The median person is held to the bar of 0.9: whoever happens to like nothing much cannot be told from 30 choices.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from vector_people import (
    WIDTH,
    batch_of,
    choices_by,
    correlations,
    few_tastes,
    linear,
    lore_people,
    pal_people,
    pref_people,
    trained,
)

from personalrm.models.traits.fit import shared_weights

POPULATIONS: dict[str, Any] = {"lore": lore_people, "pal": pal_people, "pref": pref_people}
TRAINED_ON = 200
SHARED = np.array([0.8, -0.6, 0.4, 0.0, 0.5, -0.3])


@pytest.mark.parametrize("published", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [*(pytest.param(one, marks=pytest.mark.slow) for one in ("lore", "pal")), "pref"])
def test_rewards_of_new_people_are_recovered_from_30_choices(name: str, published: bool) -> None:
    people = POPULATIONS[name](TRAINED_ON + 60, np.random.default_rng(1))
    method, _ = trained(name, people[:TRAINED_ON], published=published)
    found = correlations(method, people[TRAINED_ON:])
    assert np.median(found) > 0.9
    assert found.mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("name", POPULATIONS)
def test_rewards_are_recovered_with_a_shared_reward(name: str) -> None:
    people = POPULATIONS[name](TRAINED_ON + 60, np.random.default_rng(2), SHARED)
    method, _ = trained(name, people[:TRAINED_ON], SHARED, epochs=25)
    found = correlations(method, people[TRAINED_ON:], SHARED)
    assert np.median(found) > 0.9
    assert found.mean() > 0.9


@pytest.mark.parametrize("modes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_vpl_separates_opposed_preferences(modes: int) -> None:
    """The paper's didactic example."""
    directions = 3.0 * np.eye(modes // 2, WIDTH)
    people = few_tastes(TRAINED_ON + 100, np.random.default_rng(modes), np.concatenate([directions, -directions]))
    method, _ = trained("vpl", people[:TRAINED_ON])
    new = people[TRAINED_ON:]
    everybody = np.concatenate([one.choices.chosen - one.choices.rejected for one in people[:TRAINED_ON]])
    common = shared_weights(everybody, shrink=1.0)
    asked = [choices_by(one.reward, "later", np.random.default_rng(at), 40) for at, one in enumerate(new)]
    differences = np.concatenate([one.chosen - one.rejected for one in asked])
    assert abs((differences @ common > 0).mean() - 0.5) < 0.05
    best = np.mean([(one.reward(each.chosen - each.rejected) > 0).mean() for one, each in zip(new, asked, strict=True)])
    with torch.no_grad():
        mean = method.infer(batch_of([one.choices for one in new])).mean
        right = (method.margins(mean, batch_of(asked)) > 0).float().mean().item()
    assert right > 0.93 * best  # the choices are noisy: whoever knows the rewards is right in nine of ten
    mode = np.array([one.reward(np.eye(WIDTH)[: modes // 2]) for one in new])
    labels = mode @ np.arange(1, 1 + modes // 2)
    centres = np.array([mean.numpy()[labels == one].mean(0) for one in np.unique(labels)])
    nearest = np.linalg.norm(mean.numpy()[:, None] - centres, axis=2).argmin(1)
    assert (np.unique(labels)[nearest] == labels).mean() > 0.95


@pytest.mark.slow
def test_vpl_identifies_opposed_preferences_from_five_choices() -> None:
    direction = 3.0 * np.eye(1, WIDTH)
    people = few_tastes(TRAINED_ON, np.random.default_rng(0), np.concatenate([direction, -direction]))
    method, _ = trained("vpl", people)
    draw, sides = np.random.default_rng(8), np.where(np.arange(100) % 2, 1.0, -1.0)
    known = batch_of([choices_by(linear(side * direction[0]), "new", draw, 5) for side in sides])
    with torch.no_grad():
        posterior = method.infer(known)
        rewards = method.rewards(posterior.mean, torch.eye(1, WIDTH).expand(100, 1, -1))
        opposite = method.rewards(posterior.mean, -torch.eye(1, WIDTH).expand(100, 1, -1))
    assert ((rewards > opposite)[:, 0].numpy() == (sides > 0)).mean() > 0.9


@pytest.mark.slow
def test_gpo_recovers_preferences_of_clustered_people() -> None:
    """The paper's own setting. A transformer learns how to read choices from people alone: with tastes that fill three
    dimensions 200 people teach it 0.84 to 0.92, with four tastes 0.95."""
    directions = 3.0 * np.eye(2, WIDTH)
    people = few_tastes(TRAINED_ON + 60, np.random.default_rng(4), np.concatenate([directions, -directions]))
    method, _ = trained("gpo", people[:TRAINED_ON], learning_rate=3e-3, epochs=24)
    found = correlations(method, people[TRAINED_ON:])
    assert np.median(found) > 0.9
    assert found.mean() > 0.9
