"""Two orders of one pair become one probability; what cannot be read is unscored and never guessed."""

from __future__ import annotations

import math

import pytest
import scripted
from choices import choice
from hypothesis import given
from hypothesis import strategies as st
from scripted import Scripted

from personalrm.llm.endpoint import Completion, SamplingParams, TokenLogprob
from personalrm.synthesis import judging
from personalrm.synthesis.judging import FewShotExample, JudgeContext, Judgement, OrderVerdict, combine, judge_pair
from personalrm.synthesis.scoring import Scores, score

PROBABILITY = st.floats(0.0, 1.0)


def order(probability: float | None, unscored: str | None = None) -> OrderVerdict:
    return OrderVerdict(probability, "A", unscored, Completion("A"))


@given(PROBABILITY, PROBABILITY)
def test_swapping_the_responses_swaps_the_probability(forward: float, swapped: float) -> None:
    one = combine(order(forward), order(swapped)).probability
    other = combine(order(swapped), order(forward)).probability
    assert one is not None
    assert other is not None
    assert one + other == pytest.approx(1)
    assert 0 < one < 1


@given(st.floats(-5, 5), st.floats(-1, 1))
def test_a_constant_preference_for_the_first_place_cancels_out(taste: float, bias: float) -> None:
    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    found = combine(order(sigmoid(taste + bias)), order(sigmoid(-taste + bias))).probability
    assert found == pytest.approx(sigmoid(taste), abs=1e-6)


def test_one_unread_order_is_unscored_with_its_reason() -> None:
    read, unread = order(0.75), order(None, "tie")
    assert combine(read, unread) == Judgement(None, (read, unread), "tie")
    assert combine(unread, read) == Judgement(None, (unread, order(0.25)), "tie")  # each as that of the first-named
    assert combine(order(None, "refusal"), order(None, "tie")).unscored == "refusal"


def test_an_impossible_certainty_stays_finite() -> None:
    found = combine(order(1.0), order(0.0)).probability
    assert found == pytest.approx(0.999)
    assert judging.clipped_log_loss(0.0) == pytest.approx(-math.log(0.001))
    assert judging.clipped_log_loss(1.0) < 0.0011


def tokens(*ranked: tuple[str, float]) -> tuple[TokenLogprob, ...]:
    top = tuple((token, math.log(p)) for token, p in ranked)
    return (TokenLogprob(top[0][0], top[0][1], top),)


def test_log_probabilities_count_only_where_they_agree_with_the_text() -> None:
    assert judging.read_probability(Completion("A", tokens(("A", 0.7), ("B", 0.3)))) == pytest.approx(0.7)
    assert judging.read_probability(Completion("A", tokens(("B", 0.9), ("A", 0.1)))) == judging.VOTE
    assert judging.read_probability(Completion("B")) == pytest.approx(1 - judging.VOTE)
    assert judging.read_probability(Completion("Both are equally good.")) is None
    assert judging.read_probability(Completion("")) is None


async def test_staggered_orders_say_the_same_one_after_the_other() -> None:
    def rule(prompt: str, params: SamplingParams) -> str:
        return "A" if prompt.rpartition("<response_a>")[2].startswith("x") else "B"

    found = [
        await judge_pair(Scripted(rule), JudgeContext(), (), "x", "y", "token", staggered=staggered)
        for staggered in (False, True)
    ]
    assert found[0].probability == found[1].probability == pytest.approx(judging.VOTE)


@pytest.mark.parametrize(
    ("text", "reasoning"),
    [
        (scripted.reasoned("A", " Short. "), "Short."),
        ("A", None),
        ("Preference: B", None),
        ("I prefer the first one because it is short.", "I prefer the first one because it is short."),
        ("<think>Long thoughts about this.</think>A", None),
        ("<think>Long thoughts that never end", None),
        ('<think>x</think>{"reasoning": "Kind.", "preference": "A"}', "Kind."),
        ('{"preference": "A"}', None),
    ],
)
def test_the_reasoning_in_an_answer(text: str, reasoning: str | None) -> None:
    assert judging.reasoning_of(text) == reasoning


def test_the_person_s_part_comes_first_and_the_pair_last() -> None:
    judge_context = JudgeContext((FewShotExample(choice(1), "Why."),), "Likes detail.")
    system, user = judging.question(judge_context, (), "x", "y", "token")
    marks = ["Past choices", "<past_choice", "<why>", "<persona>", "<pair>", "single letter"]
    assert [user.content.index(one) for one in marks] == sorted(user.content.index(one) for one in marks)
    assert system.content == judging.question(JudgeContext(), (), "x", "y", "reasoned")[0].content


async def test_scores_say_how_a_sight_did_on_choices() -> None:
    choices = [choice(0), choice(1, "Alike, long.", "Short."), choice(2)]

    def rule(prompt: str, params: SamplingParams) -> str:
        first = prompt.rpartition("<response_a>")[2].partition("<")[0]
        second = prompt.rpartition("<response_b>")[2].partition("<")[0]
        if "Question 2" in prompt:
            return "I'm sorry, I can't."
        return "A" if (len(first) > len(second)) == ("Alike" not in prompt) else "B"

    found = await score(Scripted(rule), JudgeContext(), choices, "token", 0)
    assert found.probabilities == {"c0": pytest.approx(5 / 6), "c1": pytest.approx(1 / 6), "c2": None}
    assert (found.asked, found.scored, found.accuracy) == (3, 2, 0.5)
    assert found.log_loss == pytest.approx((math.log(6 / 5) + math.log(6)) / 2)
    once = Scripted(rule)
    alone = await score(once, JudgeContext(), choices[:2], "token", 0, seed=3)
    assert len(once.asked) == 2
    assert alone.accuracy == 0.5


def test_scores_without_anything_scored() -> None:
    nothing = Scores({"a": None})
    assert (nothing.log_loss, nothing.accuracy, nothing.scored, nothing.sort_key()) == (None, None, 0, math.inf)
    assert Scores({"a": 0.5}).accuracy == 0.5
    assert Scores({"a": 0.9}).gain_over(nothing) is None
    assert Scores({"a": 0.8, "b": 0.1}).gain_over(Scores({"a": 0.4, "c": 0.5})) == pytest.approx(math.log(2))
    assert Scores({"a": 0.1}).with_more(Scores({"b": 0.2})).asked == 2
