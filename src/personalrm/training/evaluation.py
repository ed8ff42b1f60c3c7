"""Accuracy and log loss of a model's predictions, beside two baselines on the same choices.

The baselines are the population-level reward and the longer response.

evaluate("pref", PredictedChoices(choices, probability, population), seed=0)[0].accuracy
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from personalrm.renamed import renamed
from personalrm.stats.intervals import interval
from personalrm.stats.metrics import accuracy, correctness, log_loss

Floats = NDArray[np.float64]
POPULATION, LONGER = "population", "longer"
"""Names of the baselines in `manifest.json`."""


class Choice(Protocol):
    """A decided choice of a user."""

    @property
    def user(self) -> str: ...

    @property
    def chosen(self) -> str: ...

    @property
    def rejected(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PredictedChoices:
    """Choices by held-out people, and the predicted probability of the chosen response.

    Attributes:
        choices: n of them.
        model: probabilities (n,), conditional on each user's other choices.
        population: probabilities of the population-level reward (n,), calibrated separately because the model's own
            calibration would put it at a disadvantage; None for a model without user information.
        weight: weight of each choice (n,), so that a ranking counts once; None for equal weights.
    """

    choices: Sequence[Choice]
    model: Floats
    population: Floats | None
    weight: Floats | None = None


@dataclass(frozen=True, slots=True)
class PredictorMetrics:
    """Metrics of one predictor; the interval is 95 %, clustered by user, None for fewer than five users, or if one
    has more than 40 % of the weight.

    ``log_loss`` is in nats per choice, None for the longer response, which gives no probabilities.
    """

    name: str
    accuracy: float
    low: float | None
    high: float | None
    log_loss: float | None
    people: int
    pairs: int


def evaluate(name: str, found: PredictedChoices, seed: int) -> tuple[PredictorMetrics, ...]:
    """The model first, then the population-level reward, then the longer response. Empty without choices."""
    if not found.choices:
        return ()
    longer = np.array([0.5 + np.sign(len(one.chosen) - len(one.rejected)) / 2 for one in found.choices])
    predictors = ((name, found.model), (POPULATION, found.population), (LONGER, longer))
    codes = np.unique([one.user for one in found.choices], return_inverse=True)[1].astype(np.int64)
    return tuple(
        _metrics(what, probability, codes, seed, found.weight)
        for what, probability in predictors
        if probability is not None
    )


def _metrics(
    name: str, probability: Floats, people: NDArray[np.int64], seed: int, weight: Floats | None
) -> PredictorMetrics:
    low, high = interval(correctness(probability), people, seed, weight=weight) or (None, None)
    loss = None if name == LONGER else log_loss(probability, weight)
    right = accuracy(probability, weight) or 0.0
    return PredictorMetrics(name, right, low, high, loss, int(people.max()) + 1, len(probability))


__getattr__ = renamed(
    __name__,
    {"Figure": "PredictorMetrics", "Predicted": "PredictedChoices", "figures": "evaluate", "EVERYBODY": "POPULATION"},
)
