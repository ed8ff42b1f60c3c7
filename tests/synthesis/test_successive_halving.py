"""The preset `default`: who is asked what, what is dropped, and that learning follows the evidence."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import scripted
from choices import choice, history
from facts import naming
from scripted import Scripted, kind_of, reasoned

from personalrm.errors import BudgetSpent, UnusableResponse
from personalrm.llm.endpoint import SamplingParams
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.profile.records import Profile
from personalrm.synthesis.demonstrations import MOST_SHOWN
from personalrm.synthesis.fitting import Unlearnable, fit, fit_people, judge_context_of


def sides(prompt: str) -> tuple[str, str]:
    pair = prompt.rpartition("<pair>")[2]
    first = pair.partition("<response_a>")[2].partition("</response_a>")[0]
    return first, pair.partition("<response_b>")[2].partition("</response_b>")[0]


def rule(prompt: str, params: SamplingParams) -> str:
    """Knows that the person likes long answers only from a persona or a past choice; strangers like short ones."""
    kind = kind_of(prompt)
    if kind == "persona":
        return scripted.persona("Likes detail.", ("Likes detail", [1], []))
    first, second = sides(prompt)
    knows = kind == "reasoning" or "<persona>" in prompt.partition("<pair>")[0] or "<past_choice" in prompt
    side = "A" if (len(first) > len(second)) == knows else "B"
    return reasoned(side, f"Because of {first[:12]}.") if kind == "reasoning" else side


async def fitted(endpoint: Scripted, count: int = 17, **options: object) -> Profile:
    return await fit(endpoint, history(count), Options(**options))  # type: ignore[arg-type]


async def test_twelve_and_five_choices_ask_what_the_module_says() -> None:
    endpoint = Scripted(rule)
    profile = await fitted(endpoint)
    assert (len(profile.training), len(profile.validation)) == (12, 5)
    asked = [kind_of(messages[-1].content) for messages, _ in endpoint.asked]
    assert (asked.count("reasoning"), asked.count("persona"), asked.count("verdict")) == (12, 1, 48)
    assert len({messages for messages, _ in endpoint.asked}) == len(endpoint.asked)
    assert profile.spend.calls == 61
    assert [one.stopped_early for one in profile.candidates].count(False) == 1
    assert [one.scored for one in profile.candidates if one.stopped_early] == [2, 2]
    assert {*profile.fallback.arms} == {"default", "persona", "demonstrations", "persona+demonstrations"}


async def test_verdicts_ask_for_the_letter_alone_unless_reasons_are_wanted() -> None:
    def wants(endpoint: Scripted) -> list[SamplingParams]:
        return [params for messages, params in endpoint.asked if kind_of(messages[-1].content) == "verdict"]

    token, explained = (
        Scripted(rule),
        Scripted(lambda p, w: reasoned(rule(p, w)) if kind_of(p) == "verdict" else rule(p, w)),
    )
    await fitted(token)
    await fitted(explained, verdicts="reasoned")
    assert all(params.max_tokens <= 8 and params.schema is None for params in wants(token))
    assert all(params.max_tokens > 100 and params.schema is not None for params in wants(explained))


async def test_what_helps_is_used_and_the_simplest_of_equals_wins() -> None:
    profile = await fitted(Scripted(rule))
    assert profile.fallback.chosen == "persona"
    assert profile.fallback.arms["default"].accuracy == 0.0
    assert profile.fallback.arms["persona"].accuracy == 1.0
    judge_context = judge_context_of(profile)
    assert judge_context.persona == "- Likes detail"
    assert judge_context.demonstrations == ()


async def test_a_persona_that_harms_is_not_used_but_kept_for_the_reader() -> None:
    def harmed(prompt: str, params: SamplingParams) -> str:
        answer = rule(prompt, params)
        told = "<persona>" in prompt.partition("<pair>")[0] and kind_of(prompt) == "verdict"
        return {"A": "B", "B": "A"}[answer] if told else answer

    profile = await fitted(Scripted(harmed))
    assert profile.fallback.chosen == "demonstrations"
    assert profile.persona is not None
    assert judge_context_of(profile).persona is None
    assert 0 < len(profile.demonstrations) <= MOST_SHOWN
    assert all(one.reasoning for one in profile.demonstrations)


async def test_no_choice_of_validation_is_ever_shown() -> None:
    endpoint = Scripted(rule)
    profile = await fitted(endpoint)
    for prompt in endpoint.prompts():
        shown = prompt.rpartition("<pair>")[0] if "<pair>" in prompt else prompt
        assert not any(profile.choice(one).chosen in shown for one in profile.validation)


async def test_known_reasonings_save_their_calls_and_change_nothing() -> None:
    whole = await fitted(Scripted(rule))
    endpoint = Scripted(rule)
    known = {one.choice: one for one in whole.reasonings[:9]}
    again = await fit(endpoint, history(17), Options(), known)
    assert len(endpoint.prompts("reasoning")) == 3
    assert replace(again, spend=whole.spend) == whole


@pytest.mark.parametrize("count", [2, 3, 4, 6, 40])
async def test_every_size_of_history(count: int) -> None:
    profile = await fitted(Scripted(rule), count)
    assert len(profile.training) + len(profile.validation) == count
    assert profile.fallback.chosen in ("persona", "default")
    assert profile.fallback.arms["default"].scored == len(profile.validation)


async def test_a_model_without_any_readable_answer_is_unusable() -> None:
    with pytest.raises(UnusableResponse, match=naming("'Purple tides'")):
        await fitted(Scripted(lambda prompt, params: "Purple\n tides"))


async def test_verdicts_that_cannot_be_read_leave_the_plain_judge() -> None:
    profile = await fitted(
        Scripted(lambda prompt, params: rule(prompt, params) if kind_of(prompt) != "verdict" else "Both.")
    )
    assert profile.fallback.chosen == "default"
    assert "validation" in profile.fallback.reason
    assert profile.persona is not None
    assert all(one.scored == 0 for one in profile.fallback.arms.values())


async def test_an_error_ends_the_fit_as_it_is_and_nothing_goes_on_behind_it() -> None:
    def broke(prompt: str, params: SamplingParams) -> str:
        if kind_of(prompt) == "persona":
            raise BudgetSpent("the limit is used up")
        return rule(prompt, params)

    endpoint = Scripted(broke)
    with pytest.raises(BudgetSpent, match="used up"):
        await fitted(endpoint)
    asked = len(endpoint.asked)
    assert endpoint.prompts("persona")
    assert asked == len(endpoint.asked)


async def test_many_people_as_they_are_ready_and_those_of_whom_nothing_is_known() -> None:
    people = [History(f"p{at}", tuple(choice(number, user=f"p{at}") for number in range(at))) for at in range(6)]
    found = {one.user: one async for one in fit_people(Scripted(rule), people, Options(), at_once=2)}
    assert {*found} == {one.user for one in people}
    nobody = found["p0"]
    assert isinstance(nobody, Unlearnable)
    assert "nothing to learn from" in nobody.reason
    assert all(isinstance(found[f"p{at}"], Profile) for at in range(1, 6))


async def test_a_profile_says_which_prompts_and_choices_it_was_made_from() -> None:
    profile = await fitted(Scripted(rule))
    other = await fit(Scripted(rule), history(17).only(one.flipped() for one in history(17)), Options())
    assert profile.fingerprint != other.fingerprint
    assert {*profile.prompts} >= {"reasoning", "persona", "system", "verdict_token", "verdict_reasoned"}
    assert all(len(one) == 16 for one in profile.prompts.values())
    assert json.dumps(profile.prompts) == json.dumps(other.prompts)
