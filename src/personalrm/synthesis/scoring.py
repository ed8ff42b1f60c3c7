"""Scores of a judge context on validation choices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather
from personalrm.preferences import Preference
from personalrm.profile.options import VerdictMode
from personalrm.stats.position_bias import PositionBias
from personalrm.synthesis.judging import JudgeContext, Judgement, clipped_log_loss, judge_order, judge_pair


@dataclass(frozen=True)
class Scores:
    """P(chosen) by choice id of every validation choice that was asked; None if unscored.

    ``orders`` holds P(chosen) with the chosen response shown first and second, for choices read in both orders;
    ``reasons`` says why choices asked in both orders are unscored.
    """

    probabilities: Mapping[str, float | None] = field(default_factory=dict)
    orders: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def position(self) -> PositionBias:
        """How often the judge named the same position in both orders."""
        return PositionBias.of(self.orders.values())

    @property
    def asked(self) -> int:
        """Number of choices asked."""
        return len(self.probabilities)

    @cached_property
    def losses(self) -> dict[str, float]:
        """Log loss in nats by choice id; scored choices only."""
        return {one: clipped_log_loss(p) for one, p in self.probabilities.items() if p is not None}

    @property
    def scored(self) -> int:
        """Number of choices with a readable verdict."""
        return len(self.losses)

    @property
    def log_loss(self) -> float | None:
        """Mean log loss in nats; None if nothing is scored."""
        losses = self.losses
        return sum(losses.values()) / len(losses) if losses else None

    @property
    def accuracy(self) -> float | None:
        """Share of scored choices predicted correctly (a probability of 0.5 counts one half); None if none is."""
        right = [1.0 if p > 0.5 else 0.5 if p == 0.5 else 0.0 for p in self.probabilities.values() if p is not None]
        return sum(right) / len(right) if right else None

    def sort_key(self) -> float:
        """Return the log loss; infinity if nothing is scored."""
        return math.inf if self.log_loss is None else self.log_loss

    @property
    def unanswered(self) -> int:
        """Number of choices asked without a readable verdict."""
        return self.asked - self.scored

    def only(self, choices: Set[str]) -> Scores:
        """Return the scores restricted to these choice ids."""
        return Scores(
            {one: p for one, p in self.probabilities.items() if one in choices},
            {one: both for one, both in self.orders.items() if one in choices},
            {one: why for one, why in self.reasons.items() if one in choices},
        )

    def with_more(self, more: Scores) -> Scores:
        """Return these scores merged with ``more``."""
        reasons = {**self.reasons, **more.reasons}
        return Scores({**self.probabilities, **more.probabilities}, {**self.orders, **more.orders}, reasons)

    def gain_over(self, other: Scores) -> float | None:
        """Return the mean log loss of ``other`` minus ours on the choices that both scored; None if there are none."""
        ours, theirs = self.losses, other.losses
        both = [theirs[one] - ours[one] for one in ours if one in theirs]
        return sum(both) / len(both) if both else None


def answered_by_all(scores: Iterable[Scores]) -> set[str]:
    """Return the ids that every set with any score has scored, so that unanswered hard choices bring no advantage."""
    answered = [set(one.losses) for one in scores if one.scored]
    return set.intersection(*answered) if answered else set()


async def score(
    endpoint: Endpoint,
    judge_context: JudgeContext,
    choices: Sequence[Preference],
    verdicts: VerdictMode,
    priority: int,
    *,
    seed: int | None = None,
    staggered: bool = False,
) -> Scores:
    """Judge validation choices in both orders, or with a ``seed`` once in an order drawn with the seed.

    ``staggered`` sends the second order after the first (see `judge_pair`).
    """

    orders: dict[str, tuple[float, float]] = {}
    reasons: dict[str, str] = {}

    async def one(choice: Preference) -> float | None:
        if seed is not None:
            return await _one_order(endpoint, judge_context, choice, verdicts, priority, seed)
        judged: Judgement = await judge_pair(
            endpoint,
            judge_context,
            choice.context,
            choice.chosen,
            choice.rejected,
            verdicts,
            priority,
            staggered=staggered,
        )
        if judged.probability is not None and len(judged.orders) == 2:
            first, second = (one.probability for one in judged.orders)
            orders[choice.id] = (first or 0.0, second or 0.0)
        if judged.probability is None:
            reasons[choice.id] = judged.unscored or "no reason given"
        return judged.probability

    found = await gather(one(choice) for choice in choices)
    return Scores({choice.id: p for choice, p in zip(choices, found, strict=True)}, orders, reasons)


async def _one_order(
    endpoint: Endpoint, judge_context: JudgeContext, choice: Preference, verdicts: VerdictMode, priority: int, seed: int
) -> float | None:
    first, second = choice.shown(seed)
    judged = await judge_order(endpoint, judge_context, choice.context, first, second, verdicts, priority)
    if judged.probability is None or choice.chosen_first(seed):
        return judged.probability
    return 1.0 - judged.probability
