"""The people with the most similar taste, by the posterior of their weights (`models.traits`).

    near = Neighbourhood.of(people, model)
    (await near.nearest(history))[:4]           # the four nearest, nearest first

The distance is the expected squared distance of the two people's weights, in units in which the covariance between
people is the identity: |m₁ − m₂|² + tr C₁ + tr C₂ for posteriors N(m, C). Someone with few choices is not close to
anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.models.traits import TraitsModel
from personalrm.models.traits.features import Array
from personalrm.models.traits.posterior import root_of
from personalrm.models.worker import in_fitting_worker
from personalrm.preferences import History


@dataclass(frozen=True)
class Neighbourhood:
    """People with the posteriors of their weights.

    Attributes:
        mean: mean of each person's weights, in the units above (P, p).
        spread: trace of each covariance (P,).
    """

    people: tuple[History, ...]
    model: TraitsModel
    mean: Array
    spread: Array

    @classmethod
    def of(cls, people: Sequence[History], model: TraitsModel) -> Neighbourhood:
        """Build it from the people with decided choices; the model is learned from them."""
        kept = tuple(one for one in people if one.decided)
        found = [_posterior(model, one) for one in kept]
        size = len(model.departure)
        mean = np.array([one for one, _ in found]).reshape(len(kept), size)
        return cls(kept, model, mean, np.array([one for _, one in found]))

    async def nearest(self, history: History) -> list[History]:
        """All people except the person, nearest first."""
        return await in_fitting_worker(self._nearest, history)

    def _nearest(self, history: History) -> list[History]:
        mean, _ = _posterior(self.model, history)
        distance = ((self.mean - mean) ** 2).sum(axis=1) + self.spread
        order = np.argsort(distance, kind="stable")
        return [self.people[at] for at in order if self.people[at].user != history.user]


def _posterior(model: TraitsModel, history: History) -> tuple[Array, float]:
    """Mean (p,) of the weights and trace of their covariance, in the units above."""
    mean, covariance = model.posterior(history)
    root = root_of(model.prior.covariance)
    whole = covariance if covariance.ndim == 2 else np.diag(covariance)
    half = np.linalg.solve(root, whole)
    return np.asarray(np.linalg.solve(root, mean), dtype=float), float(np.trace(np.linalg.solve(root, half.T)))
