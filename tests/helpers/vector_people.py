"""Simulated people with vector-valued responses and known rewards, and ensemble members trained on them.

people = lore_people(220, np.random.default_rng(0))
member = trained("lore", people[:180])
correlations(member, people[180:])                     # between predicted and true rewards of new responses
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from personalrm.models.learned.checkpoint import CheckpointStore, NullStore
from personalrm.models.learned.loop import EpochCallback, EpochMetrics, Member, train_member
from personalrm.models.learned.method import Method
from personalrm.models.learned.people import Batch, Choices, collate, whole_episode
from personalrm.models.learned.settings import METHODS, Settings
from personalrm.models.learned.training import method_of
from personalrm.models.traits.fit import sigmoid

WIDTH = 6
CHOICES = 30
FORMS = [*((name, False) for name in METHODS), *((name, True) for name in ("pal", "lore", "pref"))]
"""Methods, and whether to use the published variant."""
Array = NDArray[np.float64]
Reward = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Invented:
    """A user's choices, and the reward function that generated them."""

    choices: Choices
    reward: Reward


def choices_by(reward: Reward, user: str, draw: np.random.Generator, count: int = CHOICES, group: int = 1) -> Choices:
    """Bradley–Terry choices between random responses; every ``group`` of them share a group."""
    first, second = draw.normal(size=(2, count, WIDTH)).astype(np.float32)
    takes_first = draw.random(count) < sigmoid(reward(first) - reward(second))
    chosen = np.where(takes_first[:, None], first, second)
    rejected = np.where(takes_first[:, None], second, first)
    return Choices(user, chosen, rejected, np.arange(count) // group)


def people_by(rewards: Sequence[Reward], draw: np.random.Generator) -> list[Invented]:
    return [Invented(choices_by(one, f"user-{at}", draw), one) for at, one in enumerate(rewards)]


def linear(direction: Array) -> Reward:
    return lambda x: x @ direction


def few_tastes(count: int, draw: np.random.Generator, tastes: Array) -> list[Invented]:
    """Each user has one of a few reward vectors (k, d)."""
    return people_by([linear(tastes[at]) for at in draw.integers(len(tastes), size=count)], draw)


def lore_people(count: int, draw: np.random.Generator, shared: Array | None = None) -> list[Invented]:
    """Mixtures of three rewards."""
    basis = 2.0 * draw.normal(size=(3, WIDTH)) + (0.0 if shared is None else shared)
    return people_by([linear(draw.dirichlet(np.full(3, 0.5)) @ basis) for _ in range(count)], draw)


def pref_people(count: int, draw: np.random.Generator, shared: Array | None = None) -> list[Invented]:
    """Coefficients of three directions."""
    directions = 2.0 * np.linalg.qr(draw.normal(size=(WIDTH, 3)))[0].T
    centre = np.zeros(WIDTH) if shared is None else shared
    return people_by([linear(centre + draw.normal(size=3) @ directions) for _ in range(count)], draw)


def pal_people(count: int, draw: np.random.Generator, shared: Array | None = None) -> list[Invented]:
    """Ideal points between three prototypes in a space of three dimensions."""
    place = 0.8 * np.linalg.qr(draw.normal(size=(WIDTH, 3)))[0]
    prototypes = 1.5 * draw.normal(size=(3, 3))
    centre = np.zeros(WIDTH) if shared is None else shared

    def near(ideal: Array) -> Reward:
        return lambda x: x @ centre - ((x @ place - ideal) ** 2).sum(-1)

    return people_by([near(draw.dirichlet(np.full(3, 0.5)) @ prototypes) for _ in range(count)], draw)


def beside(x: Any, shared: Array) -> NDArray[np.float32]:
    """Vectors with the shared reward as their first column."""
    found: NDArray[np.float32] = np.concatenate([(x @ shared)[..., None], x], axis=-1).astype(np.float32)
    return found


def with_shared_reward(choices: Choices, shared: Array) -> Choices:
    return Choices(choices.user, beside(choices.chosen, shared), beside(choices.rejected, shared), choices.group)


def untrained(name: Any, width: int = WIDTH, people: int = 20, **changes: Any) -> Method:
    """A member before training, without a shared reward."""
    return method_of(Settings(name, **changes), torch.zeros(width), people, 0).eval()


def trained(
    name: Any,
    people: Sequence[Invented],
    shared: Array | None = None,
    checkpoints: CheckpointStore | None = None,
    on_epoch: EpochCallback = lambda member, point: None,
    **changes: Any,
) -> tuple[Method, list[EpochMetrics]]:
    """A member and its training curve; a fifth of the people is held out for early stopping."""
    choices = [one.choices if shared is None else with_shared_reward(one.choices, shared) for one in people]
    base = torch.zeros(WIDTH) if shared is None else torch.eye(1, 1 + WIDTH)[0]
    stopping = len(choices) // 5
    settings = Settings(name, **changes)
    method = method_of(settings, base, len(choices) - stopping, 0)
    member = Member(0, choices[stopping:], choices[:stopping])
    return method, train_member(method, member, settings, checkpoints or NullStore(), on_epoch)


def correlations(method: Method, people: Sequence[Invented], shared: Array | None = None) -> Array:
    """Correlation of predicted and true rewards of 200 new responses, per user."""
    fresh = np.random.default_rng(99).normal(size=(200, WIDTH))
    seen = fresh if shared is None else beside(fresh, shared)
    known = batch_of([one.choices if shared is None else with_shared_reward(one.choices, shared) for one in people])
    with torch.no_grad():
        posterior = method.infer(known)
        rows = torch.as_tensor(seen, dtype=torch.float32).expand(len(people), -1, -1)
        found = method.rewards(posterior.mean, rows).numpy()
    return np.array([np.corrcoef(one, who.reward(fresh))[0, 1] for one, who in zip(found, people, strict=True)])


def batch_of(choices: Sequence[Choices]) -> Batch:
    """All choices known and targets, with user indices."""
    return collate([whole_episode(one, at) for at, one in enumerate(choices)])


def same_weights(one: Method, other: Method) -> bool:
    """Bitwise."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
