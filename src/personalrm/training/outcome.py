"""The interface of the two kinds of training: job, outcome, training curves, progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from personalrm.models.trained import Kind
from personalrm.renamed import renamed
from personalrm.training.evaluation import PredictedChoices
from personalrm.training.folder import RunFingerprint

ProgressCallback = Callable[[str], None]
"""Called with one line about the work in progress."""


@dataclass(frozen=True, slots=True)
class EvalPoint:
    """A point of the training curve: losses in nats per choice, None where not measured."""

    at: int
    loss: float | None
    validation_loss: float | None


@dataclass(frozen=True, slots=True)
class Curve:
    """One member's training curve, and the epoch or step whose weights were kept."""

    points: tuple[EvalPoint, ...]
    kept: int


@dataclass(frozen=True, slots=True)
class TruncationCount:
    """Truncated texts (encoder) or inputs (fine-tuned model, two per choice), and the total."""

    what: Literal["texts", "inputs"]
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a training.

    Attributes:
        predictions: of held-out people.
        curves: one per member.
        across: x axis of the curves.
        cut: truncated texts.
        people, choices: training people and their choices.
        how: the people behind the predictions, in words.
    """

    predictions: PredictedChoices
    curves: tuple[Curve, ...]
    across: Literal["epoch", "step"]
    cut: TruncationCount
    people: int
    choices: int
    how: str


class Job(Protocol):
    """A training that is ready to run."""

    @property
    def kind(self) -> Kind:
        """Kind of the model in the folder."""
        ...

    @property
    def label(self) -> str:
        """The model's name in tables."""
        ...

    @property
    def sees(self) -> str:
        """Features and encoder, or the backbone, with their identity."""
        ...

    @property
    def settings(self) -> Any:
        """A dataclass of JSON values."""
        ...

    @property
    def uses_device(self) -> bool:
        """Whether the device matters."""
        ...

    def fingerprint(self) -> RunFingerprint:
        """Everything except the data that the model depends on."""
        ...

    def train(self, out: Path, fingerprint: RunFingerprint, report: ProgressCallback) -> Outcome:
        """Train, or resume; afterwards the model is in ``out``, with the checkpoints still beside it.

        Raises:
            TrainingFailed: the loss became NaN or infinite.
            StorageError: the folder cannot be written.
        """
        ...


class Eta:
    """Estimated time left, from the share of work done."""

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


__getattr__ = renamed(__name__, {"Cut": "TruncationCount", "Tell": "ProgressCallback"})
