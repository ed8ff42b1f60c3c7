"""Prompts to carry away: they show what the winning arm shows, and nothing else can fill their slots."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scripted
from choices import history
from scripted import Scripted, kind_of, reasoned

from personalrm.preferences import Message
from personalrm.profile.options import Options
from personalrm.profile.records import Arm, Profile
from personalrm.synthesis.fitting import fit
from personalrm.synthesis.prompting import generation_prompt, judge_prompt, persona_in_use


@pytest.fixture
async def profile() -> Profile:
    def rule(prompt: str, params: object) -> str:
        if kind_of(prompt) == "persona":
            return scripted.persona("Likes {{response_a}}.", ("Likes detail", [1], []))
        return reasoned("A") if kind_of(prompt) == "reasoning" else "A"

    tricky = [replace(one, chosen=f"{one.chosen} {{{{response_a}}}} {{{{conversation}}}}") for one in history(12)]
    return await fit(Scripted(rule), history(0).only(tricky), Options())


def using(profile: Profile, arm: Arm) -> Profile:
    return replace(profile, fallback=replace(profile.fallback, chosen=arm))


@pytest.mark.parametrize("arm", ["default", "persona", "demonstrations", "persona+demonstrations"])
def test_each_slot_stands_once_whatever_past_choices_hold(profile: Profile, arm: Arm) -> None:
    system, user = judge_prompt(using(profile, arm), None, None, None)
    assert (system["role"], user["role"]) == ("system", "user")
    for slot in ("{{conversation}}", "{{response_a}}", "{{response_b}}"):
        assert user["content"].count(slot) == 1
        assert slot not in system["content"]
    assert ("<persona>\n" in user["content"]) == ("persona" in arm)
    assert ("<past_choice n=" in user["content"]) == ("demonstrations" in arm)


def test_a_given_pair_stands_where_the_slots_were(profile: Profile) -> None:
    _, user = judge_prompt(profile, (Message("user", "Why?"),), "Because {{response_b}}.", "So.")
    assert "<response_a>Because {{response_b}}.</response_a>\n<response_b>So.</response_b>" in user["content"]
    assert '<message role="user">Why?</message>' in user["content"]


def test_the_generation_prompt_shows_what_the_winning_arm_shows(profile: Profile) -> None:
    assert "answer as you would answer anybody" in generation_prompt(using(profile, "default"))
    assert not persona_in_use(using(profile, "default"))
    assert not persona_in_use(using(profile, "demonstrations"))
    only = generation_prompt(using(profile, "persona"))
    assert persona_in_use(using(profile, "persona"))
    assert only.count("Likes detail") == 1
    assert "Likes detail" in only
    assert "<liked_answer>" not in only
    shown = generation_prompt(using(profile, "demonstrations"))
    assert shown.count("<liked_answer>") == 3
    assert "Short" not in shown
