"""A trained method, ready to predict anybody.

    model = load("runs/pref")                               # or train(people, Settings("pref"))
    mine = model.fit(history)                               # a new person, in milliseconds
    mine.compare(context, a, b)                             # Verdict
    mine.score(context, response)                           # calibrated log-odds, comparable within a conversation
    model.score_many([ada, bob], items)                     # n responses for m people, with how unsure each is

``fit`` returns a new model; a model that was fitted to nobody predicts as everybody would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from personalrm.models.learned.calibrating import Calibrator
from personalrm.models.learned.ensemble import Array, MarginParts, infer, predict_margins
from personalrm.models.learned.features import Features, Item
from personalrm.models.learned.loop import Point
from personalrm.models.learned.method import Method, UserPosterior
from personalrm.models.learned.people import Batch, Choices, Floats, everything, side_by_side
from personalrm.models.learned.settings import Settings
from personalrm.models.learned.shared_reward import SharedReward
from personalrm.models.traits.fit import sigmoid
from personalrm.models.traits.person import groups_of
from personalrm.preferences import History, Message, Pair, Verdict
from personalrm.profile.provenance import Lineage

Curve = tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What a model was trained on and how well it predicts people that its members have not seen.

    Attributes:
        people: who was trained on.
        choices: decided choices of these.
        truncated: texts that were longer than the encoder reads.
        validation_people: people behind the next three.
        validation_log_loss, validation_accuracy: each group predicted from nearly all their others; nats a choice.
        everybody_log_loss: the same without what is known of each person.
        curves: of each member.
    """

    people: Lineage
    choices: int
    truncated: int
    validation_people: int
    validation_log_loss: float
    validation_accuracy: float
    everybody_log_loss: float
    curves: tuple[Curve, ...]


class Scores(NamedTuple):
    """Calibrated log-odds (m, n), and how unsure the person's part of each is (m, n)."""

    mean: Array
    deviation: Array


@dataclass(frozen=True, slots=True)
class LearnedModel:
    """See the module's docstring.

    Attributes:
        settings, footing, members, trust: what predicts.
        facts: where it comes from.
        beliefs: what each member believes of the person; None before `fit`.
    """

    settings: Settings
    footing: SharedReward
    members: tuple[Method, ...]
    trust: Calibrator
    facts: TrainingSummary
    beliefs: tuple[UserPosterior, ...] | None = None

    def fit(self, history: History) -> LearnedModel:
        """The model for this person; ties teach nothing."""
        if not history.decided:
            return replace(self, beliefs=None)
        known = side_by_side([everything(self._choices(history))])
        return replace(self, beliefs=tuple(infer(self.members, known)))

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Probability that the person prefers ``a``; the two orders sum to one."""
        heard = self._heard([(context, a, b)])
        everybody, personal = self.trust.everybody * heard.everybody[0], self.trust.person * heard.personal[0]
        probability = float(sigmoid(self.trust.margins(*heard))[0])
        why = f"everybody's reward says {everybody:+.2f} for the first response, this person's choices {personal:+.2f}"
        return Verdict(probability, f"{why} (log-odds).")

    def compare_many(self, pairs: Sequence[Pair]) -> Array:
        """Probabilities (n,) that the first response of each (context, a, b) is preferred."""
        return sigmoid(self.trust.margins(*self._heard(pairs))) if pairs else np.zeros(0)

    def score(self, context: Sequence[Message], response: str) -> float:
        """Calibrated log-odds; differences within a conversation are log-odds of preference."""
        return float(self.scores([(context, response)])[0])

    def scores(self, items: Sequence[Item]) -> Array:
        """`score` of each (context, response) (n,); quicker for many."""
        return self._scores_of(self.footing.ready(self.footing.features.of(items))).mean[0] if items else np.zeros(0)

    def score_many(self, people: Sequence[History], items: Sequence[Item]) -> Scores:
        """n responses for m people; each response is read once.

        ``deviation`` is that of the person's part, against a response like all others.
        """
        if not people or not items:
            return Scores(np.zeros((len(people), len(items))), np.zeros((len(people), len(items))))
        rows = self.footing.ready(self.footing.features.of(items))
        found = [self.fit(one)._scores_of(rows) for one in people]
        return Scores(np.concatenate([one.mean for one in found]), np.concatenate([one.deviation for one in found]))

    def margins_of(self, pairs: Sequence[Pair]) -> MarginParts:
        """Of each pair (n,): everybody's part, the person's part and its variance, all calibrated."""
        heard, trust = self._heard(pairs), self.trust
        return MarginParts(
            trust.everybody * heard.everybody, trust.person * heard.personal, trust.person**2 * heard.variance
        )

    def _scores_of(self, rows: Floats) -> Scores:
        heard = predict_margins(self.members, _batch(rows, np.zeros_like(rows)), self.beliefs)
        mean = self.trust.everybody * heard.everybody + self.trust.person * heard.personal
        return Scores(mean, self.trust.person * np.sqrt(heard.variance))

    def batch_of(self, pairs: Sequence[Pair]) -> Batch:
        """Pairs as the members see them, of one person of whom nothing is known."""
        items = [(context, side) for context, a, b in pairs for side in (a, b)]
        rows = self.footing.ready(self.footing.features.of(items))
        return _batch(rows[0::2], rows[1::2])

    def _heard(self, pairs: Sequence[Pair]) -> MarginParts:
        return MarginParts(*(one[0] for one in predict_margins(self.members, self.batch_of(pairs), self.beliefs)))

    def _choices(self, history: History) -> Choices:
        found = choices_of(history, self.footing.features)
        return Choices(found.user, self.footing.ready(found.chosen), self.footing.ready(found.rejected), found.group)


def choices_of(history: History, features: Features) -> Choices:
    """A person's decided choices as rows of the features."""
    decided = history.decided
    rows = features.of([(one.context, text) for one in decided for text in (one.chosen, one.rejected)])
    group = np.zeros(len(decided), dtype=np.intp)
    for number, places in enumerate(groups_of(decided)):
        group[places] = number
    return Choices(history.user, rows[0::2], rows[1::2], group)


def _batch(first: Floats, second: Floats) -> Batch:
    """Pairs of one person of whom nothing is known."""
    a, b = (torch.from_numpy(np.ascontiguousarray(side))[None] for side in (first, second))
    nothing = torch.zeros((1, len(first)), dtype=torch.bool)
    return Batch(a, b, nothing, ~nothing, torch.tensor([-1]))
