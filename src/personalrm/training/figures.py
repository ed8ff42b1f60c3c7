"""What a model's predictions are worth, beside everybody's reward and the longer response on the same choices.

figures("pref", Predicted(choices, probability, everybody), seed=0)[0].accuracy
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from personalrm.stats.intervals import interval
from personalrm.stats.metrics import accuracy, correctness, log_loss

Floats = NDArray[np.float64]
EVERYBODY, LONGER = "everybody", "longer"


class Choice(Protocol):
    """A decided choice of somebody."""

    @property
    def user(self) -> str: ...

    @property
    def chosen(self) -> str: ...

    @property
    def rejected(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Predicted:
    """Choices by people who were not learned from, and how likely the chosen response was said to be.

    Attributes:
        choices: n of them.
        model: probabilities (n,), with what is known of each person.
        everybody: the same where nothing is known of them, calibrated by itself: the model's own calibration would
            make it look worse; None where a model is told nothing of anybody.
    """

    choices: Sequence[Choice]
    model: Floats
    everybody: Floats | None


@dataclass(frozen=True, slots=True)
class Figure:
    """One predictor on these choices; the interval is 95 %, by person, None for fewer than five people.

    ``log_loss`` is in nats a choice, None for the longer response, which gives no probabilities.
    """

    name: str
    accuracy: float
    low: float | None
    high: float | None
    log_loss: float | None
    people: int
    pairs: int


def figures(name: str, found: Predicted, seed: int) -> tuple[Figure, ...]:
    """The model first, then everybody's reward, then the longer response. Empty for no choices."""
    if not found.choices:
        return ()
    longer = np.array([0.5 + np.sign(len(one.chosen) - len(one.rejected)) / 2 for one in found.choices])
    predictors = ((name, found.model), (EVERYBODY, found.everybody), (LONGER, longer))
    codes = np.unique([one.user for one in found.choices], return_inverse=True)[1].astype(np.int64)
    return tuple(_figure(what, said, codes, seed) for what, said in predictors if said is not None)


def _figure(name: str, probability: Floats, people: NDArray[np.int64], seed: int) -> Figure:
    low, high = interval(correctness(probability), people, seed) or (None, None)
    loss = None if name == LONGER else log_loss(probability)
    return Figure(name, accuracy(probability) or 0.0, low, high, loss, int(people.max()) + 1, len(probability))
