"""Training of one member: passes over people, early stopping on people it does not learn from.

    curve = train_member(method, Member(0, people, validation), settings, keeper, tell)

Each pass meets everybody once, a few people a step. After it the validation people's groups are predicted from their
other groups; the weights of the best pass are kept. Everything drawn comes from generators seeded by the settings'
seed and the member's number, and these stand in the checkpoint, so that a run that was interrupted ends with the same
weights as one that was not.
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
from personalrm.models.learned.people import Batch, Choices, Episode, dealt, everything, halved, side_by_side
from personalrm.models.learned.settings import Settings
from personalrm.models.learned.threads import one_thread

PARTS = 4
"""Parts that the groups of a validation person are dealt into."""
_DECAY = 1e-2
_RATES = {"gpo": 1e-3, "vpl": 3e-3, "pal": 1e-2, "lore": 1e-2, "pref": 1e-2}
_ENOUGH = 1e-5
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Point:
    """One pass: log loss of training and of validation people, nats a choice, and the latter's accuracy."""

    epoch: int
    loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the ensemble: its number, who it learns from and who stops it."""

    number: int
    people: Sequence[Choices]
    validation: Sequence[Choices]


Tell = Callable[[int, Point], None]
"""Told the member's number after each pass."""


@one_thread()
def train_member(
    method: Method, member: Member, settings: Settings, keeper: CheckpointStore, tell: Tell
) -> list[Point]:
    """Train ``method`` in place; gives the curve. Raises TrainingFailed if the loss is no number any more."""
    training = _Training(method, member, settings)
    if (state := keeper.unfinished(member.number)) is not None:
        training.restore(state)
    while not training.over:
        tell(member.number, training.one_more())
        keeper.keep(member.number, training.state)
    method.load_state_dict(training.best)
    method.eval()
    return training.curve


class _Training:
    """What a member's training has reached."""

    def __init__(self, method: Method, member: Member, settings: Settings) -> None:
        seed = 1000 * settings.seed + member.number
        self._method, self._member, self._settings = method, member, settings
        self._order, self._noise = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self._rate = settings.learning_rate or _RATES[settings.method]
        self._optimizer = torch.optim.AdamW(method.parameters(), lr=self._rate, weight_decay=_DECAY)
        self._held = _alike([one for each in member.validation for one in dealt(each, PARTS)])
        self.curve: list[Point] = []
        self.best: dict[str, Any] = {}
        self._best_at, self._best_loss = -1, math.inf
        method.start(member.people)

    @property
    def over(self) -> bool:
        done = len(self.curve)
        return done >= self._settings.epochs or done - self._best_at > self._settings.patience

    def one_more(self) -> Point:
        """One pass, and how the validation people are predicted after it."""
        epoch = len(self.curve)
        self._method.train()
        losses = [self._step(batch, epoch) for batch in self._batches()]
        self._method.eval()
        loss, accuracy = self._validated()
        if not math.isfinite(loss):
            raise self._failed(epoch)
        if loss < self._best_loss - _ENOUGH:
            self._best_at, self._best_loss = epoch, loss
            self.best = {name: value.clone() for name, value in self._method.state_dict().items()}
        point = Point(epoch, float(np.mean(losses)), loss, accuracy)
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
            everything(people[at], at) if self._method.remembers else halved(people[at], self._order, at)
            for at in order.tolist()
        ]
        return [side_by_side(episodes[at : at + size]) for at in range(0, len(episodes), size)]

    @torch.no_grad()
    def _validated(self) -> tuple[float, float]:
        method, loss, right, asked = self._method, 0.0, 0, 0
        for held in self._held:
            belief, count = method.infer(held), int(held.asked.sum())
            margins = method.margins(belief.mean, held)
            loss += count * float(masked_log_loss(moderated(margins, method.doubt(belief, held)), held.asked))
            right, asked = right + int(((margins > 0) & held.asked).sum()), asked + count
        return loss / asked, right / asked

    def _failed(self, epoch: int) -> TrainingFailed:
        return TrainingFailed(
            f"the loss of {self._settings.label} is no number any more in pass {epoch + 1} of member "
            f"{self._member.number + 1}: give a learning rate below {self._rate:g}; what was trained before is kept"
        )

    def state(self) -> dict[str, Any]:
        """Everything that going on needs, as tensors and plain values."""
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
        """Go on from there."""
        self._method.load_state_dict(state["method"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._order.bit_generator.state = state["order"]
        self._noise.set_state(state["noise"])
        self.curve = [Point(**one) for one in state["curve"]]
        self.best, self._best_at, self._best_loss = state["best"], state["best_at"], state["best_loss"]


def _alike(episodes: Sequence[Episode]) -> list[Batch]:
    """In batches of people with about as many choices: little is filled up, and little memory taken."""
    ordered = sorted(episodes, key=lambda one: len(one.choices))
    return [side_by_side(ordered[at : at + _AT_ONCE]) for at in range(0, len(ordered), _AT_ONCE)]
