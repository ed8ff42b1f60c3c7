"""The preset `paper`: the released candidate sets and selection rule."""

from __future__ import annotations

import scripted
from choices import history
from scripted import Scripted, kind_of, reasoned

from personalrm.data.splits import split
from personalrm.profile.options import Options
from personalrm.profile.records import Profile, Reasoning
from personalrm.synthesis import released_algorithm
from personalrm.synthesis.fitting import fit
from personalrm.synthesis.reasoning import explanations

PAPER = Options(preset="paper")


def rule(prompt: str, params: object) -> str:
    kind = kind_of(prompt)
    if kind == "persona":
        return scripted.persona("Likes detail.", ("Likes detail", [1], []))
    pair = prompt.rpartition("<pair>")[2]
    first = pair.partition("<response_a>")[2].partition("</response_a>")[0]
    second = pair.partition("<response_b>")[2].partition("</response_b>")[0]
    side = "A" if len(first) > len(second) else "B"
    return reasoned(side) if kind == "reasoning" else side


async def fitted(endpoint: Scripted, count: int = 17) -> Profile:
    return await fit(endpoint, history(count), PAPER)


def test_twelve_sets_labels_only_all_in_order_and_ten_random_ones() -> None:
    choices = history(12).choices
    reasonings = [Reasoning(one.id, "Why.", "a", at % 2 == 0, 0.1) for at, one in enumerate(choices)]
    sets = released_algorithm.candidate_sets(choices, explanations(reasonings), 0)
    assert len(sets) == 12
    assert [one.choice for one in sets[0]] == [one.choice for one in sets[1]] == list(choices)
    assert all(one.why is None for one in sets[0])
    assert [one.why is not None for one in sets[1]] == [at % 2 == 0 for at in range(12)]
    for one in sets[2:]:
        assert 1 <= len(one) <= 12
        assert len({shown.choice.id for shown in one}) == len(one)
    assert len({len(one) for one in sets[2:]}) > 3
    assert sets == released_algorithm.candidate_sets(choices, explanations(reasonings), 0)
    assert sets[2:] != released_algorithm.candidate_sets(choices, explanations(reasonings), 1)[2:]
    whys = explanations(reasonings)
    sizes = {len(one) for seed in range(60) for one in released_algorithm.candidate_sets(choices, whys, seed)[2:]}
    assert sizes == set(range(1, 13))


async def test_twelve_and_thirteen_sets_are_scored_each_choice_once() -> None:
    endpoint = Scripted(rule)
    profile = await fitted(endpoint)
    parts = split(history(17), 0.3, 0)
    training, validation = len(parts.training), len(parts.validation)
    assert (training, validation) == (12, 5)
    assert len(endpoint.prompts("reasoning")) == 12
    assert len(endpoint.prompts("persona")) == 1
    verdicts = endpoint.prompts("verdict")
    with_persona = [one for one in verdicts if "\n<persona>\n" in one or one.startswith("<persona>\n")]
    assert len(with_persona) == 13 * validation
    assert len(verdicts) - len(with_persona) == 12 * validation + validation  # the plain judge, for the reader
    assert len(endpoint.asked) <= 150
    assert len(profile.candidates) == 12
    assert all(1 <= len(one.choices) <= 12 for one in profile.candidates)


async def test_labelled_choices_really_reach_the_judge() -> None:
    endpoint = Scripted(rule)
    await fitted(endpoint)
    labels_only = [
        one for one in endpoint.prompts("verdict") if one.count("<past_choice ") == 12 and "<why>" not in one
    ]
    assert labels_only
    assert all(one.count("<preferred>") == 12 for one in labels_only)


async def test_the_first_best_accuracy_wins_whatever_it_brings_against_the_plain_judge() -> None:
    """All candidates are right everywhere, so the first one wins both times: the empty set with the persona."""
    profile = await fitted(Scripted(rule))
    assert profile.fallback.chosen == "persona"
    assert profile.demonstrations == ()
    assert profile.fallback.arms["demonstrations"].accuracy == 1.0
    assert profile.fallback.gain == 0.0


async def test_the_best_set_is_used_with_its_reasonings() -> None:
    """Only a prompt with exactly the full set in order is answered right."""

    def picky(prompt: str, params: object) -> str:
        answer = rule(prompt, params)
        if kind_of(prompt) != "verdict" or prompt.count("<why>") == 12:
            return answer
        return "B" if answer == "A" else "A"

    profile = await fitted(Scripted(picky))
    assert profile.fallback.chosen == "persona+demonstrations"
    assert len(profile.demonstrations) == 12
    assert all(one.reasoning for one in profile.demonstrations)
    best = max(one.accuracy or 0.0 for one in profile.candidates)
    assert best == 1.0


async def test_without_a_verified_reasoning_there_is_no_persona_and_demonstrations_are_used() -> None:
    def wrong(prompt: str, params: object) -> str:
        answer = rule(prompt, params)
        if kind_of(prompt) == "reasoning":
            return reasoned("B" if '"A"' in answer else "A")
        return answer

    endpoint = Scripted(wrong)
    profile = await fitted(endpoint)
    assert profile.persona is None
    assert endpoint.prompts("persona") == []
    assert profile.fallback.chosen == "demonstrations"
    assert any("No persona: 0 of 12" in note for note in profile.notes)
