"""Training of one ensemble member: epochs over people, with early stopping on people that are not trained on.

    curve = train_member(method, Member(0, people, validation), settings, checkpoints, on_epoch)

An epoch visits each training user once, a few users per step. Then each group of the validation users' choices is
predicted from their other groups; the weights of the best epoch are kept. All random numbers come from generators
seeded by the settings' seed and the member's number, whose states are part of the checkpoint: a resumed run ends with
the same weights as an uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from personalrm.errors import TrainingFailed
from personalrm.models.learned.checkpoint import CheckpointStore
from personalrm.models.learned.method import Method, masked_log_loss, moderated
from personalrm.models.learned.people import (
    Batch,
    Choices,
    Episode,
    collate,
    group_folds,
    random_episode,
    whole_episode,
)
from personalrm.models.learned.settings import Settings
from personalrm.models.learned.threads import one_thread
from personalrm.renamed import renamed

PARTS = 4
"""Folds of a validation user's groups."""
_WEIGHT_DECAY = 1e-2
_LEARNING_RATES = {"gpo": 1e-3, "vpl": 3e-3, "pal": 1e-2, "lore": 1e-2, "pref": 1e-2}
_MIN_IMPROVEMENT = 1e-5
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """One epoch: log loss of training and validation users, nats per choice, and validation accuracy."""

    epoch: int
    loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the ensemble: its number, its training users and its validation users."""

    number: int
    people: Sequence[Choices]
    validation: Sequence[Choices]


EpochCallback = Callable[[int, EpochMetrics], None]
"""Called with the member's number and its metrics after each epoch."""


@one_thread()
def train_member(
    method: Method, member: Member, settings: Settings, checkpoints: CheckpointStore, on_epoch: EpochCallback
) -> list[EpochMetrics]:
    """Train ``method`` in place and return the curve. Raises TrainingFailed if the loss became NaN or infinite."""
    training = _Training(method, member, settings)
    if (state := checkpoints.unfinished(member.number)) is not None:
        training.restore(state)
    while not training.finished:
        on_epoch(member.number, training.run_epoch())
        checkpoints.keep(member.number, training.state)
    method.load_state_dict(training.best)
    method.eval()
    return training.curve


class _Training:
    """State of one member's training."""

    def __init__(self, method: Method, member: Member, settings: Settings) -> None:
        seed = 1000 * settings.seed + member.number
        self._method, self._member, self._settings = method, member, settings
        self._order, self._noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self._rate = settings.learning_rate or _LEARNING_RATES[settings.method]
        self._optimizer = torch.optim.AdamW(method.parameters(), lr=self._rate, weight_decay=_WEIGHT_DECAY)
        self._validation_batches = _batched_by_length(
            [one for each in member.validation for one in group_folds(each, PARTS)]
        )
        self.curve: list[EpochMetrics] = []
        self.best: dict[str, Any] = {}
        self._best_at, self._best_loss = -1, math.inf
        method.initialize(member.people)

    @property
    def finished(self) -> bool:
        done = len(self.curve)
        return done >= self._settings.epochs or done - self._best_at > self._settings.patience

    def run_epoch(self) -> EpochMetrics:
        """One epoch, then validation."""
        epoch = len(self.curve)
        self._method.train()
        losses = [self._step(batch, epoch) for batch in self._batches()]
        self._method.eval()
        loss, accuracy = self._validate()
        if not math.isfinite(loss):
            raise self._failed(epoch)
        if loss < self._best_loss - _MIN_IMPROVEMENT:
            self._best_at, self._best_loss = epoch, loss
            self.best = {name: value.clone() for name, value in self._method.state_dict().items()}
        point = EpochMetrics(epoch, float(np.mean(losses)), loss, accuracy)
        self.curve.append(point)
        return point

    def _step(self, batch: Batch, epoch: int) -> float:
        loss = self._method.loss(batch, epoch / self._settings.epochs, self._noise)
        found = loss.item()
        if not math.isfinite(found):
            raise self._failed(epoch)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._optimizer.step()
        return found

    def _batches(self) -> list[Batch]:
        people, size = self._member.people, self._settings.batch_people
        order = self._order.permutation(len(people))
        episodes = [
            whole_episode(people[at], at) if self._method.stores_users else random_episode(people[at], self._order, at)
            for at in order.tolist()
        ]
        return [collate(episodes[at : at + size]) for at in range(0, len(episodes), size)]

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        method, loss, right, total = self._method, 0.0, 0.0, 0.0
        for held in self._validation_batches:
            counted = held.target_weight
            posterior, count = method.infer(held), float(counted.sum())
            margins = method.margins(posterior.mean, held)
            loss += count * float(masked_log_loss(moderated(margins, method.margin_variance(posterior, held)), counted))
            right, total = right + float(((margins > 0) * counted).sum()), total + count
        return loss / total, right / total

    def _failed(self, epoch: int) -> TrainingFailed:
        return TrainingFailed(
            f"the loss of {self._settings.label} became NaN or infinite in epoch {epoch + 1} of member "
            f"{self._member.number + 1}: use a learning rate below {self._rate:g}; the last checkpoint is kept"
        )

    def state(self) -> dict[str, Any]:
        """Everything needed to resume, as tensors and plain values."""
        return {
            "method": self._method.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "order": self._order.bit_generator.state,
            "noise": self._noise.get_state(),
            "curve": [asdict(one) for one in self.curve],
            "best": self.best,
            "best_at": self._best_at,
            "best_loss": self._best_loss,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from such a state."""
        self._method.load_state_dict(state["method"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._order.bit_generator.state = state["order"]
        self._noise.set_state(state["noise"])
        self.curve = [EpochMetrics(**one) for one in state["curve"]]
        self.best, self._best_at, self._best_loss = state["best"], state["best_at"], state["best_loss"]


def _batched_by_length(episodes: Sequence[Episode]) -> list[Batch]:
    """Batches of users with about as many choices, to save padding and memory."""
    ordered = sorted(episodes, key=lambda one: len(one.choices))
    return [collate(ordered[at : at + _AT_ONCE]) for at in range(0, len(ordered), _AT_ONCE)]


__getattr__ = renamed(__name__, {"Point": "EpochMetrics", "Tell": "EpochCallback"})
