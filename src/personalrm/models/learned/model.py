"""A trained method that predicts for any user.

    model = load("runs/pref")                               # or train(people, Settings("pref"))
    mine = model.fit(history)                               # a new user, in milliseconds
    mine.compare(context, a, b)                             # Verdict
    mine.score(context, response)                           # calibrated log-odds, comparable within a conversation
    model.score_many([ada, bob], items)                     # scores and standard deviations, m users × n responses

``fit`` returns a new model; an unfitted model predicts with the population-level reward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from personalrm.data.shares import shares
from personalrm.formatting.numbers import signed
from personalrm.models.learned.calibrating import Calibrator
from personalrm.models.learned.ensemble import Array, MarginParts, infer, predict_margins
from personalrm.models.learned.features import Features, Item
from personalrm.models.learned.loop import EpochMetrics
from personalrm.models.learned.method import Method, UserPosterior
from personalrm.models.learned.people import Batch, Choices, Floats, collate, whole_episode
from personalrm.models.learned.settings import Settings
from personalrm.models.learned.shared_reward import SharedReward
from personalrm.models.traits.fit import sigmoid
from personalrm.models.traits.person import groups_of
from personalrm.preferences import History, Message, Pair, Verdict
from personalrm.profile.provenance import Lineage
from personalrm.renamed import RenamedAttribute

Curve = tuple[EpochMetrics, ...]


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """Training data of a model, and its accuracy and log loss on people that its members were not trained on.

    Attributes:
        people: salted hashes of the training users.
        choices: their decided choices.
        truncated: texts longer than the encoder's limit.
        validation_people: number of people behind the next three.
        validation_log_loss, validation_accuracy: each group predicted from most other groups of its user; the loss is
            in nats per choice.
        population_log_loss: the same of the population-level reward.
        curves: training curve of each member.
    """

    people: Lineage
    choices: int
    truncated: int
    validation_people: int
    validation_log_loss: float
    validation_accuracy: float
    population_log_loss: float
    curves: tuple[Curve, ...]
    everybody_log_loss = RenamedAttribute("population_log_loss")


class Scores(NamedTuple):
    """Calibrated log-odds (m, n), and the standard deviation of their personal part (m, n)."""

    mean: Array
    deviation: Array


@dataclass(frozen=True, slots=True)
class LearnedModel:
    """See the module's docstring.

    Attributes:
        settings, shared_reward, members, calibrator: what predicts.
        summary: training data and validation metrics.
        posteriors: each member's posterior of the user; None before `fit`.
    """

    settings: Settings
    shared_reward: SharedReward
    members: tuple[Method, ...]
    calibrator: Calibrator
    summary: TrainingSummary
    posteriors: tuple[UserPosterior, ...] | None = None

    footing = RenamedAttribute("shared_reward")
    trust = RenamedAttribute("calibrator")
    facts = RenamedAttribute("summary")
    beliefs = RenamedAttribute("posteriors")

    def fit(self, history: History) -> LearnedModel:
        """The model for this user; ties are ignored."""
        if not history.decided:
            return replace(self, posteriors=None)
        known = collate([whole_episode(self._choices(history))])
        return replace(self, posteriors=tuple(infer(self.members, known)))

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Probability that the user prefers ``a``; it sums to one over both orders."""
        parts = self._margin_parts([(context, a, b)])
        population, personal = (
            self.calibrator.population * parts.population[0],
            self.calibrator.person * parts.personal[0],
        )
        probability = float(sigmoid(self.calibrator.margins(*parts))[0])
        return Verdict(
            probability,
            f"population-level reward {signed(population, 2)} for the first response, this person's choices "
            f"{signed(personal, 2)} (log-odds).",
        )

    def compare_many(self, pairs: Sequence[Pair]) -> Array:
        """Probabilities (n,) that the first response of each (context, a, b) is preferred."""
        return sigmoid(self.calibrator.margins(*self._margin_parts(pairs))) if pairs else np.zeros(0)

    def score(self, context: Sequence[Message], response: str) -> float:
        """Calibrated log-odds; differences within a conversation are log-odds of preference."""
        return float(self.scores([(context, response)])[0])

    def scores(self, items: Sequence[Item]) -> Array:
        """`score` of each (context, response) (n,); faster for many."""
        return (
            self._scores_of(self.shared_reward.transform(self.shared_reward.features.of(items))).mean[0]
            if items
            else np.zeros(0)
        )

    def score_many(self, people: Sequence[History], items: Sequence[Item]) -> Scores:
        """Scores of n responses for m users; the features of a response are computed once.

        ``deviation`` is that of the personal part, relative to an average response.
        """
        if not people or not items:
            return Scores(np.zeros((len(people), len(items))), np.zeros((len(people), len(items))))
        rows = self.shared_reward.transform(self.shared_reward.features.of(items))
        found = [self.fit(one)._scores_of(rows) for one in people]
        return Scores(np.concatenate([one.mean for one in found]), np.concatenate([one.deviation for one in found]))

    def margins_of(self, pairs: Sequence[Pair]) -> MarginParts:
        """Calibrated parts of each pair's margin (n,): population-level, personal, and the variance of the latter."""
        parts, calibrator = self._margin_parts(pairs), self.calibrator
        return MarginParts(
            calibrator.population * parts.population,
            calibrator.person * parts.personal,
            calibrator.person**2 * parts.variance,
        )

    def _scores_of(self, rows: Floats) -> Scores:
        parts = predict_margins(self.members, _batch(rows, np.zeros_like(rows)), self.posteriors)
        mean = self.calibrator.population * parts.population + self.calibrator.person * parts.personal
        return Scores(mean, self.calibrator.person * np.sqrt(parts.variance))

    def batch_of(self, pairs: Sequence[Pair]) -> Batch:
        """Pairs as a batch of one user without known choices."""
        items = [(context, side) for context, a, b in pairs for side in (a, b)]
        rows = self.shared_reward.transform(self.shared_reward.features.of(items))
        return _batch(rows[0::2], rows[1::2])

    def _margin_parts(self, pairs: Sequence[Pair]) -> MarginParts:
        return MarginParts(*(one[0] for one in predict_margins(self.members, self.batch_of(pairs), self.posteriors)))

    def _choices(self, history: History) -> Choices:
        found = choices_of(history, self.shared_reward.features)
        transform = self.shared_reward.transform
        return replace(found, chosen=transform(found.chosen), rejected=transform(found.rejected))


def choices_of(history: History, features: Features) -> Choices:
    """A user's decided choices as feature rows."""
    decided = history.decided
    rows = features.of([(one.context, text) for one in decided for text in (one.chosen, one.rejected)])
    group = np.zeros(len(decided), dtype=np.intp)
    for number, places in enumerate(groups_of(decided)):
        group[places] = number
    counted = np.array(shares(decided), np.float32)
    return Choices(history.user, rows[0::2], rows[1::2], group, None if (counted == 1.0).all() else counted)


def _batch(first: Floats, second: Floats) -> Batch:
    """Pairs as a batch of one user without known choices."""
    a, b = (torch.from_numpy(np.ascontiguousarray(side))[None] for side in (first, second))
    nothing = torch.zeros((1, len(first)), dtype=torch.bool)
    return Batch(a, b, nothing, ~nothing, torch.tensor([-1]))
