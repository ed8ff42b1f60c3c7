"""What the two kinds of training have in common: what they are asked, what they come to, and how they tell of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from personalrm.models.trained import Kind
from personalrm.training.figures import Predicted
from personalrm.training.folder import Marks

Tell = Callable[[str], None]
"""Told what is being done, in a line."""


@dataclass(frozen=True, slots=True)
class EvalPoint:
    """A moment of training: losses in nats a choice, None where one was not measured."""

    at: int
    loss: float | None
    validation_loss: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """One member's way: what was measured, and the place whose weights were kept."""

    looks: tuple[EvalPoint, ...]
    kept: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Texts that were longer than the encoder reads, or inputs of a fine-tuned model (two a choice), of so many."""

    what: Literal["texts", "inputs"]
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to.

    Attributes:
        predicted: choices of people who were not learned from.
        curves: one a member.
        across: what the curves are measured along.
        cut: what did not fit.
        people, choices: learned from.
        how: who was predicted, in words.
    """

    predicted: Predicted
    curves: tuple[Curve, ...]
    across: Literal["pass", "step"]
    cut: Cut
    people: int
    choices: int
    how: str


class Job(Protocol):
    """A training that has all it needs."""

    @property
    def kind(self) -> Kind:
        """What will be in the folder."""
        ...

    @property
    def label(self) -> str:
        """What tables call the model."""
        ...

    @property
    def sees(self) -> str:
        """Features and encoder, or the backbone, with what identifies them."""
        ...

    @property
    def settings(self) -> Any:
        """A dataclass of JSON values."""
        ...

    @property
    def computes(self) -> bool:
        """Whether a device makes a difference."""
        ...

    def marks(self) -> Marks:
        """What the model hangs on beside the data."""
        ...

    def train(self, out: Path, marks: Marks, tell: Tell) -> Outcome:
        """Train, or go on; the model is in ``out`` afterwards, and checkpoints still are.

        Raises:
            TrainingFailed: the loss is no number any more.
            StorageError: the folder cannot be written.
        """
        ...


class Eta:
    """About how long it will take, from the share that is done."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def __call__(self, share: float) -> str:
        """'; about 40 s left', or nothing at the first call."""
        now = time.monotonic()
        if self._began is None:
            self._began = (now, share)
        began, first = self._began
        if share <= first:
            return ""
        left = (now - began) * (1.0 - share) / (share - first)
        return f"; about {left:,.0f} s left" if left < 120 else f"; about {left / 60:,.0f} min left"


def measured(loss: float | None, validation: float | None) -> str:
    """': loss 0.552, validation 0.561', as far as known."""
    known = [f"{name} {value:.3f}" for name, value in (("loss", loss), ("validation", validation)) if value is not None]
    return f": {', '.join(known)}" if known else ""
