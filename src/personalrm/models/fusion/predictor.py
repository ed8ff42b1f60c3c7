"""Predicts with traits and the judges that have a weight, each asked only if it can change the prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.llm import background_loop
from personalrm.llm.gather import gather
from personalrm.models.base import Ranking
from personalrm.models.engines import UncertainLocalPredictor
from personalrm.models.fusion.asking import extremes, fused_of, value_of_asking
from personalrm.models.fusion.weights import SOFTEST, Form, as_form, log_odds
from personalrm.models.judges.pair_judge import Judge
from personalrm.preferences import Message, Pair, Verdict
from personalrm.profile.options import VerdictMode
from personalrm.profile.records import Arm
from personalrm.stats.bradley_terry import pairs_to_compare, strengths
from personalrm.synthesis.judging import agree


@dataclass(frozen=True, slots=True)
class Listener:
    """A judge with a weight.

    Attributes:
        arm: its input about the person.
        judge: the judge.
        weight: factor of its verdict.
        form: how its verdict counts.
    """

    arm: Arm
    judge: Judge
    weight: float
    form: Form

    @property
    def reach(self) -> float:
        """The largest possible shift of the log-odds by this judge alone."""
        return abs(self.weight) * (1.0 if self.form == "sign" else SOFTEST)

    def shift(self, probability: float) -> float:
        """The shift of the log-odds by a verdict."""
        return self.weight * float(as_form(log_odds(np.array([probability])), self.form)[0])


@dataclass(frozen=True)
class FusedPredictor:
    """Traits, and judges with a weight by verdict mode, largest first."""

    traits: UncertainLocalPredictor
    listeners: Mapping[VerdictMode, tuple[Listener, ...]]
    threshold: float = 0.0

    async def compare(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "reasoned") -> Verdict:
        """The reasoning of a judge that was asked and prefers the predicted response, else that of the traits; never
        unscored, because traits always predict.

        A judge without a weight in this mode is asked in the other mode if it has one there.
        """
        alone = await self.traits.compare(context, a, b, verdicts)
        mode = self._mode(verdicts)
        if mode is None:
            return alone
        return await background_loop.join(self._with_judges(alone, (context, a, b), mode))

    async def compare_many(self, pairs: Sequence[Pair], verdicts: VerdictMode = "token") -> list[Verdict]:
        """All needed judges are asked concurrently."""
        alone = await self.traits.compare_many(pairs)
        mode = self._mode(verdicts)
        if mode is None:
            return alone
        fused = (self._with_judges(one, pair, mode) for one, pair in zip(alone, pairs, strict=True))
        return list(await background_loop.join(gather(fused)))

    async def score(self, context: Sequence[Message], response: str) -> float | None:
        """The Bradley–Terry strength by traits; a judge cannot compare a single response."""
        return await self.traits.score(context, response)

    async def score_many(self, context: Sequence[Message], responses: Sequence[str]) -> list[float | None]:
        """Bradley–Terry strengths by traits."""
        return await self.traits.score_many(context, responses)

    async def rank(
        self, context: Sequence[Message], responses: Sequence[str], verdicts: VerdictMode = "token"
    ) -> Ranking:
        """Bradley–Terry ranking over fused comparisons; by traits alone if no judge has a weight."""
        if self._mode(verdicts) is None:
            return await self.traits.rank(context, responses)
        places = pairs_to_compare(len(responses))
        judged = await self.compare_many([(context, responses[i], responses[j]) for i, j in places], verdicts)
        found = strengths(
            len(responses),
            [
                (i, j, one.probability)
                for (i, j), one in zip(places, judged, strict=True)
                if one.probability is not None
            ],
        )
        return Ranking.of_scores([float(one) for one in found], len(places))

    def _mode(self, verdicts: VerdictMode) -> VerdictMode | None:
        """The verdict mode: the requested one, else one in which a judge has a weight; None if there is none."""
        other: VerdictMode = "token" if verdicts == "reasoned" else "reasoned"
        return next((one for one in (verdicts, other) if self.listeners.get(one)), None)

    async def _with_judges(self, alone: Verdict, pair: Pair, mode: VerdictMode) -> Verdict:
        """Run in the package's event loop."""
        waiting = list(self.listeners[mode])
        if alone.probability is None or pair[1] == pair[2]:
            return alone
        logit = float(log_odds(np.array([alone.probability]))[0])
        answered: list[tuple[float, float]] = []
        said_by: list[Verdict] = []
        while waiting and self._worth_asking(logit, answered, waiting):
            judge = waiting.pop(0)
            said = await judge.judge.compare(*pair, mode)
            if said.probability is not None and not math.isnan(said.probability):
                answered.append((judge.weight, judge.shift(said.probability)))
                said_by.append(said)
        if not answered:
            return alone
        fused = 1.0 / (1.0 + math.exp(-fused_of(logit, answered)))
        return Verdict(fused, _explanation(fused, alone, said_by))

    def _worth_asking(self, logit: float, answered: Sequence[tuple[float, float]], waiting: Sequence[Listener]) -> bool:
        possible = extremes(logit, answered, [(one.weight, one.reach) for one in waiting])
        return value_of_asking(fused_of(logit, answered), possible) > self.threshold


def _explanation(fused: float, alone: Verdict, judges: Sequence[Verdict]) -> str | None:
    """The newest reasoning for the predicted response, else that of the traits, marked as theirs."""
    for one in (*reversed(judges), alone):
        if one.reasoning and agree(one.probability, fused):
            return one.reasoning
    return f"By traits alone, which the judge outweighs: {alone.reasoning}" if alone.reasoning else None
