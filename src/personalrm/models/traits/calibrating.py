"""Confidence thresholds of a population: predictions of its people's held-out choices, calibrated by `sure`.

    thresholds(people, without)                   # choices between two
    thresholds(people, without, every_pair)       # with rankings: every pair of them is predicted, and counts its share

The guarantee of a threshold is about the pairs that are later compared. The best against the worst response of a
ranking is easier to predict than its other pairs, so it alone must not stand for the ranking here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from personalrm.models.traits import sure
from personalrm.models.traits.fit import Array, integrated, sigmoid
from personalrm.models.traits.posterior import Groups, Person, leave_out_all, weighted_predictions


class WeightedPairs(NamedTuple):
    """One person's pairs: log-odds by the population (n,), traits (n, p), weights (n,), parts predicted at once."""

    offset: Array
    t: Array
    weight: Array
    parts: Groups

    def held_out(self, covariance: Array) -> Array:
        """Probability (n,) of the preferred response of each pair, from the other parts."""
        rest = [np.setdiff1d(np.arange(len(self.offset)), part) for part in self.parts]
        problems = [(rows, self.weight[rows]) for rows in rest]
        found = np.zeros(len(self.offset))
        predicted = weighted_predictions(self.offset, self.t, covariance, problems, self.parts)
        for part, (logit, variance, _) in zip(self.parts, predicted, strict=True):
            found[part] = sigmoid(integrated(logit, variance))
        return found


def thresholds(
    people: Sequence[Person], without: Sequence[Array], every_pair: Sequence[WeightedPairs] | None = None
) -> sure.Thresholds:
    """Confidence thresholds for each risk, each part of a person's choices predicted from the others.

    Args:
        people: their choices, one pair per ranking.
        without: covariances between people; of person i the one at i modulo their number.
        every_pair: the same people with all pairs of their rankings; None if there are no rankings.
    """
    if not any(one.offset.any() for one in people):
        return ()
    found: list[Array] = []
    weights: list[Array] = []
    for fold, covariance in enumerate(without):
        if every_pair is None:
            found += [sigmoid(integrated(*one)) for one in leave_out_all(people[fold :: len(without)], covariance)]
        else:
            found += [one.held_out(covariance) for one in every_pair[fold :: len(without)]]
            weights += [one.weight for one in every_pair[fold :: len(without)]]
    person = np.repeat(np.arange(len(found)), [len(one) for one in found])
    return sure.calibrate(np.concatenate(found), person, np.concatenate(weights) if weights else None)
