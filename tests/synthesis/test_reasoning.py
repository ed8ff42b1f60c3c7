"""Stage 1: blind to the label, verified by its prediction, asked once."""

from __future__ import annotations

import math

import pytest
import scripted
from choices import choice
from scripted import Scripted, reasoned

from personalrm.llm.endpoint import Completion, TokenLogprob
from personalrm.preferences import Preference
from personalrm.profile.records import Reasoning
from personalrm.synthesis.reasoning import question, reason

CHOICES = [choice(number) for number in range(12)]


def likes_long(prompt: str, params: object) -> str:
    """Predicts the longer response."""
    first = prompt.partition("<response_a>")[2].partition("</response_a>")[0]
    second = prompt.partition("<response_b>")[2].partition("</response_b>")[0]
    return reasoned("A" if len(first) > len(second) else "B", "It says more.", ["Values detail"])


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_a_choice_and_its_flipped_twin_ask_byte_for_byte_the_same(seed: int) -> None:
    for one in CHOICES:
        for swapped in (False, True):
            assert question(one, seed, swapped=swapped) == question(one.flipped(), seed, swapped=swapped)
    assert {one.preferred_side(seed) for one in CHOICES} == {"a", "b"}


def test_nothing_that_gives_the_label_away_is_in_the_question() -> None:
    telling = choice(1, reason="I LIKED THE LONG ONE", judges={"gpt": True}, margin=40.0, domain="SECRETDOMAIN")
    asked = question(telling, 0)[1].content
    assert question(telling, 0) == question(choice(1), 0)
    assert not any(word in asked for word in ("LIKED", "gpt", "40", "SECRETDOMAIN"))


async def test_verified_only_where_the_prediction_holds() -> None:
    endpoint = Scripted(likes_long)
    flipped = [one.flipped() for one in CHOICES[6:]]
    found = await reason(endpoint, [*CHOICES[:6], *flipped], seed=0)
    assert [one.verified for one in found] == [True] * 6 + [False] * 6
    assert [one.choice for one in found] == [one.id for one in CHOICES]
    assert {one.text for one in found} == {"Values detail. It says more."}
    assert len(endpoint.asked) == 12
    for one, asked in zip(found, [*CHOICES[:6], *flipped], strict=True):
        truth = asked.preferred_side(0)
        assert (one.predicted == truth) == one.verified


async def test_both_orders_verify_only_what_does_not_hang_on_the_place() -> None:
    first = Scripted(lambda prompt, params: reasoned("A"))
    found = await reason(first, CHOICES, seed=0)
    assert [one.verified for one in found] == [one.preferred_side(0) == "a" for one in CHOICES]
    assert not any(one.verified for one in await reason(first, CHOICES, seed=0, both_orders=True))
    fair = Scripted(likes_long)
    assert all(one.verified for one in await reason(fair, CHOICES, seed=0, both_orders=True))
    assert len(fair.asked) == 24


async def test_of_several_samples_the_first_verified_one_is_kept() -> None:
    one = choice(1)
    right, wrong = ("A", "B") if one.preferred_side(0) == "a" else ("B", "A")

    def rule(prompt: str, params: scripted.SamplingParams) -> str:
        return reasoned(wrong if params.sample == 0 else right, f"Sample {params.sample}.")

    endpoint = Scripted(rule)
    (found,) = await reason(endpoint, [one], seed=0, samples=3)
    assert found.verified
    assert found.text == "Sample 1."
    assert [(params.sample, params.temperature) for _, params in endpoint.asked] == [(0, 0.0), (1, 0.7), (2, 0.7)]
    (alone,) = await reason(Scripted(rule), [one], seed=0)
    assert not alone.verified


async def test_known_reasonings_are_not_asked_again() -> None:
    endpoint = Scripted(likes_long)
    known = {one.id: Reasoning(one.id, "Known.", "a", True, 0.1) for one in CHOICES[:10]}
    found = await reason(endpoint, CHOICES, seed=0, known=known)
    assert len(endpoint.asked) == 2
    assert [one.text == "Known." for one in found] == [True] * 10 + [False] * 2


@pytest.mark.parametrize("answer", ["", "Purple tides hum.", "I'm sorry, but I can't help with that.", "<think>A or B"])
async def test_an_answer_without_a_verdict_verifies_nothing_and_is_as_surprising_as_a_coin(answer: str) -> None:
    for found in await reason(Scripted(lambda prompt, params: answer), CHOICES, seed=0):
        assert (found.predicted, found.verified) == (None, False)
        assert found.surprise == pytest.approx(math.log(2))
        assert found.text in (answer, "")


async def test_prose_with_a_verdict_is_a_reasoning_too() -> None:
    def rule(prompt: str, params: object) -> str:
        side = "A" if '"preference":"A"' in likes_long(prompt, params) else "B"
        return f"<think>Perhaps.</think>\n\nThe person seems to value detail.\n\nPreference: {side}"

    for found in await reason(Scripted(rule), CHOICES, seed=0):
        assert found.verified
        assert found.text.startswith("The person seems to value detail.")


async def test_a_letter_alone_explains_nothing() -> None:
    for found in await reason(Scripted(lambda prompt, params: "A"), CHOICES, seed=0):
        assert found.predicted == "a"
        assert not found.verified


async def test_surprise_is_the_log_loss_of_the_blind_prediction() -> None:
    def rule(prompt: str, params: object) -> Completion:
        text = reasoned("A")
        tokens = (TokenLogprob(text[:-3], -0.1), TokenLogprob("A", math.log(0.8), (("B", math.log(0.2)),)))
        return Completion(text, (*tokens, TokenLogprob(text[-2:], -0.1)))

    for one, found in zip(CHOICES, await reason(Scripted(rule), CHOICES, seed=0), strict=True):
        expected = 0.8 if one.preferred_side(0) == "a" else 0.2
        assert found.surprise == pytest.approx(-math.log(expected), abs=0.01)


async def test_emoji_mixed_languages_and_an_empty_context() -> None:
    odd = Preference("o", "ada", "g", (), "Ja 🙂 はい, конечно — نعم, and so on and on.", "No 🙃")
    (found,) = await reason(Scripted(likes_long), [odd], seed=0)
    assert found.verified
