"""The judge of one person: both orders, identical responses for nothing, ranking, unscored with a reason."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence

import pytest

from personalrm.errors import Unreachable
from personalrm.llm.endpoint import Completion, SamplingParams, TokenLogprob
from personalrm.models.judges.pair_judge import Judge
from personalrm.preferences import Message
from personalrm.synthesis.judging import VOTE, JudgeContext, log_odds

CONTEXT = (Message("user", "How?"),)


class Answers:
    """An endpoint that answers by the two responses it is shown."""

    model = "answers"

    def __init__(self, rule: Callable[[str, str, SamplingParams], str | Completion]) -> None:
        self._rule, self.asked = rule, 0

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        self.asked += 1
        await asyncio.sleep(0)
        text = messages[-1].content
        first = text.rpartition("<response_a>")[2].partition("</response_a>")[0]
        second = text.rpartition("<response_b>")[2].partition("</response_b>")[0]
        answer = self._rule(first, second, params)
        return answer if isinstance(answer, Completion) else Completion(answer)

    async def aclose(self) -> None:
        """Nothing is open."""


def longer(first: str, second: str, params: SamplingParams) -> str:
    return "A" if len(first) > len(second) else "B"


def logprobs(probability: float) -> Completion:
    """A letter with the probability of A."""
    letter = "A" if probability > 0.5 else "B"
    top = (("A", math.log(probability)), ("B", math.log(1 - probability)))
    return Completion(letter, (TokenLogprob(letter, dict(top)[letter], top),))


def sure(first: str, second: str, params: SamplingParams) -> Completion:
    """P(A) by Bradley–Terry over the number that stands in each response, with a bias to the first."""
    return logprobs(1 / (1 + math.exp(float(second) - float(first) - 0.5)))


async def test_votes_of_both_orders_agree_or_cancel_out() -> None:
    fair = Judge(Answers(longer), JudgeContext())
    verdict = await fair.compare(CONTEXT, "a long one", "short", "token")
    assert verdict.probability == pytest.approx(VOTE)
    assert (await fair.compare(CONTEXT, "short", "a long one", "token")).probability == pytest.approx(1 - VOTE)
    biased = Judge(Answers(lambda first, second, params: "A"), JudgeContext())
    verdict = await biased.compare(CONTEXT, "x", "y", "token")
    assert verdict.probability == pytest.approx(0.5)
    assert verdict.winner is None


async def test_log_probabilities_of_both_orders_lose_the_bias_to_the_first_place() -> None:
    verdict = await Judge(Answers(sure), JudgeContext()).compare(CONTEXT, "2", "1", "token")
    assert verdict.probability == pytest.approx(1 / (1 + math.exp(-1.0)), abs=1e-6)


async def test_identical_responses_are_even_and_cost_nothing() -> None:
    endpoint = Answers(longer)
    verdict = await Judge(endpoint, JudgeContext()).compare(CONTEXT, "same", "same")
    assert (verdict.probability, verdict.unscored, endpoint.asked) == (0.5, None, 0)
    assert verdict.reasoning is not None
    assert "identical" in verdict.reasoning


@pytest.mark.parametrize(
    ("answer", "why"),
    [("", "empty answer"), ("I'm sorry, I can't help.", "refusal"), ("Both are equally good.", "tie")],
)
async def test_one_unreadable_order_leaves_the_pair_unscored_with_its_reason(answer: str, why: str) -> None:
    half = Judge(Answers(lambda first, second, params: "A" if first == "x" else answer), JudgeContext())
    verdict = await half.compare(CONTEXT, "x", "y", "token")
    assert (verdict.probability, verdict.unscored, verdict.winner) == (None, why, None)


async def test_an_unreadable_letter_is_asked_again_with_an_explanation() -> None:
    def thinks(first: str, second: str, params: SamplingParams) -> str:
        if params.schema is None:
            return "The"
        return f'{{"reasoning": "It is longer.", "preference": "{longer(first, second, params)}"}}'

    endpoint = Answers(thinks)
    verdict = await Judge(endpoint, JudgeContext()).compare(CONTEXT, "a long one", "short", "token")
    assert verdict.probability == pytest.approx(VOTE)
    assert verdict.reasoning == "It is longer."
    assert endpoint.asked == 4


async def test_a_reasoning_of_one_order_is_marked_where_both_together_prefer_another_response() -> None:
    def told(first: str, second: str, params: SamplingParams) -> str:
        preferred = "A" if first == "x" else "B" if both else "A"
        return f'{{"reasoning": "Because of {preferred}.", "preference": "{preferred}"}}'

    judge = Judge(Answers(told), JudgeContext())
    both = True  # the same response in both orders
    assert (await judge.compare(CONTEXT, "x", "y")).reasoning == "Because of A."
    both = False  # the first place in both orders: even
    biased = await judge.compare(CONTEXT, "x", "y")
    assert biased.winner is None
    assert "orders disagree" in (biased.reasoning or "")
    assert "Because of A." in (biased.reasoning or "")


async def test_a_reasoning_model_s_thoughts_are_not_the_reasoning() -> None:
    answer = '<think>Perhaps {"preference": "B"}…</think>{"reasoning": "It is kind.", "preference": "A"}'
    verdict = await Judge(Answers(lambda *_: answer), JudgeContext()).compare(CONTEXT, "x", "y")
    assert (verdict.reasoning or "").endswith(": It is kind.")  # after the remark that the orders disagree


async def test_ranking_finds_the_planted_strengths() -> None:
    planted = [0.0, 2.0, -1.0, 1.0, 0.5]
    ranking = await Judge(Answers(sure), JudgeContext()).rank(CONTEXT, [str(one) for one in planted])
    assert ranking.order == (1, 3, 4, 0, 2)
    assert (ranking.compared, ranking.unscored) == (10, 0)
    mean = sum(planted) / 5
    assert ranking.strengths == pytest.approx([one - mean for one in planted], abs=0.5)
    assert sum(ranking.strengths) == pytest.approx(0, abs=1e-9)


async def test_ranking_many_asks_for_a_part_and_still_finds_the_best() -> None:
    endpoint = Answers(sure)
    ranking = await Judge(endpoint, JudgeContext()).rank(CONTEXT, [str(one / 3) for one in range(20)])
    assert ranking.order[0] == 19
    assert {*ranking.order[-3:]} <= {0, 1, 2, 3}
    assert endpoint.asked == 2 * ranking.compared < 20 * 19


async def test_ranking_with_unreadable_answers_counts_them_and_ranks_the_rest() -> None:
    def refuses_of(first: str, second: str, params: SamplingParams) -> str | Completion:
        return "I'm sorry, I can't." if "3" in (first, second) else sure(first, second, params)

    ranking = await Judge(Answers(refuses_of), JudgeContext()).rank(CONTEXT, ["1", "2", "3", "0"])
    assert (ranking.compared, ranking.unscored) == (6, 3)
    assert [one for one in ranking.order if one != 2] == [1, 0, 3]
    assert ranking.strengths[2] == pytest.approx(0, abs=1e-6)


async def test_ranking_one_or_identical_responses_costs_nothing() -> None:
    endpoint = Answers(sure)
    assert (await Judge(endpoint, JudgeContext()).rank(CONTEXT, ["1"])).order == (0,)
    same = await Judge(endpoint, JudgeContext()).rank(CONTEXT, ["1", "1", "1"])
    assert same.order == (0, 1, 2)
    assert same.strengths == pytest.approx([0, 0, 0])
    assert endpoint.asked == 0


async def test_score_is_the_log_odds_of_being_content() -> None:
    judge = Judge(Answers(lambda *_: logprobs(0.8)), JudgeContext())
    assert await judge.score(CONTEXT, "x") == pytest.approx(log_odds(0.8), abs=1e-6)
    assert await Judge(Answers(lambda *_: "Purple."), JudgeContext()).score(CONTEXT, "x") is None


async def test_an_error_of_the_host_is_raised_as_it_is() -> None:
    def dead(*_: object) -> str:
        raise Unreachable("no answer")

    with pytest.raises(Unreachable, match="no answer"):
        await Judge(Answers(dead), JudgeContext()).rank(CONTEXT, ["1", "2", "3"])
