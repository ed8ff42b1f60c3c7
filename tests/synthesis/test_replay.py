"""Traces of the reference method, replayed through the stages: the published ones (real pairs, real Llama reasonings
and personas) and simulated ones.

The frozen model answers the reasoning question of a traced pair with the reasoning that is recorded for it, the persona
question with the recorded persona, and verdicts by a fixed rule (the longer response). What is in no trace (the model
did not keep the reasoning) is answered with a bare letter.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from scripted import Scripted, kind_of

from personalrm.data.reading import read_people
from personalrm.data.simulated import simulate_people
from personalrm.llm.endpoint import SamplingParams
from personalrm.preferences import History, Preference
from personalrm.profile.file import load, save
from personalrm.profile.options import Options, Preset
from personalrm.profile.records import Profile
from personalrm.synthesis.fitting import fit, judge_context_of
from personalrm.synthesis.grounding import grounded, own_words
from personalrm.synthesis.prompting import generation_prompt, judge_prompt
from personalrm.synthesis.rendering import safe


class Traced(NamedTuple):
    """People, for each choice the reasoning that the model kept (None: it kept none), for each person the persona."""

    people: dict[str, History]
    reasonings: dict[str, str | None]
    personas: dict[str, str]


def published(folder: Path) -> Traced:
    people = {one.user: one for one in read_people(folder / "traces.jsonl.gz")}
    with gzip.open(folder / "traces.jsonl.gz", "rt", encoding="utf-8") as lines:
        reasonings = {one["id"]: one["reasoning"] for one in map(json.loads, lines)}
    lines = (folder / "traces_personas.jsonl").read_text("utf-8").splitlines()
    return Traced(people, reasonings, {one["user"]: one["persona"] for one in map(json.loads, lines)})


def simulated() -> Traced:
    """Invented traces: every third choice was not foreseen, and the last two people never."""
    people = {one.user: one for one in simulate_people(9, choices=5, seed=3, prompt_tokens=30, response_tokens=60)}
    foreseen = list(people)[:-2]
    reasonings = {
        choice.id: f"{user} reads for point {at} and skips the rest, of which the other has more ({choice.id})."
        if user in foreseen and at % 3
        else None
        for user, one in people.items()
        for at, choice in enumerate(one)
    }
    personas = {
        user: f"Chooses what says number {at} at once and leaves out pleasantries." for at, user in enumerate(people)
    }
    return Traced(people, reasonings, personas)


@pytest.fixture(scope="module", params=["simulated", pytest.param("published", marks=pytest.mark.real_people)])
def traced(request: pytest.FixtureRequest) -> Traced:
    return simulated() if request.param == "simulated" else published(request.getfixturevalue("real_data"))


def frozen(history: History, reasonings: Mapping[str, str | None], persona: str) -> Scripted:
    """The model of one traced person. A recorded reasoning was kept because it predicted the choice."""

    def traced(prompt: str) -> Preference:
        pair = prompt.rpartition("<pair>")[2]
        return next(one for one in history if safe(one.chosen) in pair and safe(one.rejected) in pair)

    def rule(prompt: str, params: SamplingParams) -> str:
        kind = kind_of(prompt)
        if kind == "persona":
            return persona
        choice = traced(prompt)
        first = prompt.rpartition("<response_a>")[2].startswith(f"{safe(choice.chosen)}</response_a>")
        if kind == "reasoning":
            written = reasonings[choice.id]
            side = "A" if first else "B"
            return f"{written}\n\nPreference: {side}" if written else ("B" if first else "A")
        longer = len(choice.chosen) > len(choice.rejected)
        return "A" if first == longer else "B"

    return Scripted(rule)


async def replay(traced: Traced, user: str, preset: Preset = "default") -> tuple[Profile, Scripted]:
    history = traced.people[user]
    endpoint = frozen(history, traced.reasonings, traced.personas[user])
    return await fit(endpoint, history, Options(preset=preset)), endpoint


def test_all_published_people_are_there(real_data: Path) -> None:
    traced = published(real_data)
    assert traced.people.keys() == traced.personas.keys()
    assert sum(map(len, traced.people.values())) == 84


@pytest.mark.parametrize("preset", ["default", "paper"])
async def test_recorded_reasonings_reach_the_persona_prompt_and_recorded_personas_the_profile(
    traced: Traced, preset: Preset
) -> None:
    written = 0
    for user, history in traced.people.items():
        profile, endpoint = await replay(traced, user, preset)
        kept = [one for one in profile.training if traced.reasonings[one]]
        asked = endpoint.prompts("persona")
        assert {one.choice for one in profile.reasonings if one.verified} == set(kept)
        assert len(asked) == bool(kept)
        if preset == "default":
            assert all(safe(traced.reasonings[one] or "") in asked[0] for one in kept)
        if not kept:
            assert profile.persona is None
            assert any("No persona" in note for note in profile.notes)
            continue
        written += 1
        trained = [one for one in history if one.id in profile.training]
        assert profile.persona is not None
        assert profile.persona.summary == grounded(traced.personas[user], own_words(trained))
    assert written == (7 if "simulated" in next(iter(traced.people)) else 12)


async def test_every_profile_is_complete_and_comes_back_from_its_file(traced: Traced, tmp_path: Path) -> None:
    for user, history in traced.people.items():
        profile, endpoint = await replay(traced, user)
        parts = {*profile.training, *profile.validation}
        assert parts == {one.id for one in history.decided}
        assert not {*profile.training} & {*profile.validation}
        assert [one.choice for one in profile.reasonings] == list(profile.training)
        assert {one.choice for one in profile.demonstrations} <= {*profile.training}
        assert (profile.user, profile.model, profile.preset) == (user, "scripted", "default")
        assert profile.spend.calls == len(endpoint.asked)
        assert profile.fallback.reason
        if profile.validation:
            assert "default" in profile.fallback.arms
            assert all(one.scored == len(profile.validation) for one in profile.fallback.arms.values())
        save(profile, tmp_path / f"{user}.json")
        assert load(tmp_path / f"{user}.json") == profile


def strange(text: str, own: History) -> bool:
    """Whether the text is long enough to be somebody's and not also the person's own."""
    mine = [part for one in own for part in (one.chosen, one.rejected, *(turn.content for turn in one.context))]
    return len(text) > 60 and not any(text[-60:] in part for part in mine)


async def test_no_prompt_of_a_person_holds_a_word_of_another(traced: Traced) -> None:
    prompts: dict[str, str] = {}
    for user in traced.people:
        profile, endpoint = await replay(traced, user)
        carried: list[Any] = [judge_prompt(profile, None, None, None), generation_prompt(profile)]
        prompts[user] = "\n".join([*endpoint.prompts(), *map(str, carried), judge_context_of(profile).text])
    leaks: list[tuple[str, str, str]] = []
    for owner, history in traced.people.items():
        texts = [part for one in history for part in (one.chosen, one.rejected, traced.reasonings[one.id] or "")]
        texts += [turn.content for one in history for turn in one.context]
        texts.append(traced.personas[owner])
        assert any(safe(one)[-60:] in prompts[owner] for one in texts if len(one) > 60)
        for user, sent in prompts.items():
            if user != owner:
                leaks += [
                    (owner, user, text) for text in texts if strange(text, traced.people[user]) and text[-60:] in sent
                ]
    assert leaks == []
