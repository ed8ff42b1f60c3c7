"""How a sight of the person did on validation: the judgements of the choices, and what they add up to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather
from personalrm.preferences import Preference
from personalrm.profile.options import VerdictMode
from personalrm.stats.position_bias import PositionBias
from personalrm.synthesis.judging import JudgeContext, Judgement, clipped_log_loss, judge_order, judge_pair


@dataclass(frozen=True)
class Scores:
    """P(chosen) by choice id for every validation choice that was asked; None where it is unscored.

    ``orders`` is P(chosen) where the chosen response was shown first and second, of choices read in both orders.
    """

    probabilities: Mapping[str, float | None] = field(default_factory=dict)
    orders: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def position(self) -> PositionBias:
        """How often the judge named the same place in both orders."""
        return PositionBias.of(self.orders.values())

    @property
    def asked(self) -> int:
        """Choices asked."""
        return len(self.probabilities)

    @property
    def losses(self) -> dict[str, float]:
        """Log loss in nats by choice id, scored choices only."""
        return {one: clipped_log_loss(p) for one, p in self.probabilities.items() if p is not None}

    @property
    def scored(self) -> int:
        """Choices with a readable verdict."""
        return len(self.losses)

    @property
    def log_loss(self) -> float | None:
        """Mean log loss in nats; None if nothing is scored."""
        losses = self.losses
        return sum(losses.values()) / len(losses) if losses else None

    @property
    def accuracy(self) -> float | None:
        """Share of scored choices predicted right; an even probability counts one half."""
        right = [1.0 if p > 0.5 else 0.5 if p == 0.5 else 0.0 for p in self.probabilities.values() if p is not None]
        return sum(right) / len(right) if right else None

    def sort_key(self) -> float:
        """Log loss, with nothing scored as the worst."""
        return math.inf if self.log_loss is None else self.log_loss

    @property
    def unanswered(self) -> int:
        """Choices asked without a readable verdict."""
        return self.asked - self.scored

    def only(self, choices: Set[str]) -> Scores:
        """The scores of these choices alone, by id."""
        return Scores(
            {one: p for one, p in self.probabilities.items() if one in choices},
            {one: both for one, both in self.orders.items() if one in choices},
        )

    def with_more(self, more: Scores) -> Scores:
        """These and more choices."""
        return Scores({**self.probabilities, **more.probabilities}, {**self.orders, **more.orders})

    def gain_over(self, other: Scores) -> float | None:
        """Mean log loss of ``other`` minus ours on the choices that both scored; None if there are none."""
        ours, theirs = self.losses, other.losses
        both = [theirs[one] - ours[one] for one in ours if one in theirs]
        return sum(both) / len(both) if both else None


def answered_by_all(scores: Iterable[Scores]) -> set[str]:
    """Ids of the choices that everybody scored who scored any: who is silent on the hard ones gains nothing by it."""
    answered = [set(one.losses) for one in scores if one.scored]
    return set.intersection(*answered) if answered else set()


async def score(
    endpoint: Endpoint,
    sight: JudgeContext,
    choices: Sequence[Preference],
    verdicts: VerdictMode,
    priority: int,
    *,
    seed: int | None = None,
    staggered: bool = False,
) -> Scores:
    """Judge validation choices: in both orders, or with a ``seed`` once in the order that the seed draws.

    ``staggered`` asks the second order after the first (see `judge_pair`).
    """

    orders: dict[str, tuple[float, float]] = {}

    async def one(choice: Preference) -> float | None:
        if seed is not None:
            return await _one_order(endpoint, sight, choice, verdicts, priority, seed)
        judged: Judgement = await judge_pair(
            endpoint, sight, choice.context, choice.chosen, choice.rejected, verdicts, priority, staggered=staggered
        )
        if judged.probability is not None and len(judged.orders) == 2:
            first, second = (one.probability for one in judged.orders)
            orders[choice.id] = (first or 0.0, second or 0.0)
        return judged.probability

    found = await gather(one(choice) for choice in choices)
    return Scores({choice.id: p for choice, p in zip(choices, found, strict=True)}, orders)


async def _one_order(
    endpoint: Endpoint, sight: JudgeContext, choice: Preference, verdicts: VerdictMode, priority: int, seed: int
) -> float | None:
    first, second = choice.shown(seed)
    judged = await judge_order(endpoint, sight, choice.context, first, second, verdicts, priority)
    if judged.probability is None or choice.chosen_first(seed):
        return judged.probability
    return 1.0 - judged.probability
