"""The LLM judge of one person: the input of the profile's selected arm, judged in both orders.

judge = Judge(endpoint, judge_context_of(profile))
verdict = await judge.compare(context, "Yes.", "It depends.")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from personalrm import prompts
from personalrm.llm.endpoint import Endpoint, SamplingParams
from personalrm.llm.gather import gather
from personalrm.models.base import Ranking
from personalrm.preferences import Message, Verdict
from personalrm.profile.options import VerdictMode
from personalrm.stats.bradley_terry import pairs_to_compare, strengths
from personalrm.synthesis import rendering
from personalrm.synthesis.judging import (
    REASONED_ANSWER,
    TOKEN_ANSWER,
    JudgeContext,
    Judgement,
    judge_pair,
    log_odds,
    read_probability,
)


class Judge:
    """Predicts one person's choices with a language model.

    Args:
        endpoint: the language model.
        judge_context: its input about the user.
    """

    def __init__(self, endpoint: Endpoint, judge_context: JudgeContext) -> None:
        self._endpoint, self._judge_context = endpoint, judge_context

    async def judge(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "token") -> Judgement:
        """Judge both orders; returns all answers. Identical responses are even without a call."""
        if a == b:
            return Judgement(0.5, ())
        return await judge_pair(self._endpoint, self._judge_context, context, a, b, verdicts)

    async def compare(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "reasoned") -> Verdict:
        """The verdict with its reasoning."""
        return (await self.judge(context, a, b, verdicts)).verdict()

    async def score(self, context: Sequence[Message], response: str) -> float | None:
        """Log-odds that the person would be satisfied with this response; not calibrated; None if unreadable."""
        pair = rendering.pair(context, response, response)
        asked = f"{self._judge_context.text}{pair}\n\n{prompts.load('score')}"
        messages = [Message("system", prompts.load("system")), Message("user", asked)]
        for room in (TOKEN_ANSWER, REASONED_ANSWER):  # reasoning models need more tokens before the letter
            probability = read_probability(await self._endpoint.complete(messages, SamplingParams(room, logprobs=20)))
            if probability is not None:
                return log_odds(probability)
        return None

    async def rank(
        self, context: Sequence[Message], responses: Sequence[str], verdicts: VerdictMode = "token"
    ) -> Ranking:
        """Bradley–Terry over comparisons in both orders: all pairs of up to 8 responses, a connected subset for
        more."""
        pairs = pairs_to_compare(len(responses))
        judged = await gather(self.judge(context, responses[i], responses[j], verdicts) for i, j in pairs)
        comparisons = [
            (i, j, one.probability) for (i, j), one in zip(pairs, judged, strict=True) if one.probability is not None
        ]
        found = strengths(len(responses), comparisons)
        ranking = Ranking.of_scores([float(one) for one in found], len(pairs), len(pairs) - len(comparisons))
        reasons = Counter(one.unscored or "no reason given" for one in judged if one.probability is None)
        return replace(ranking, unscored_reason=reasons.most_common(1)[0][0]) if reasons else ranking
