"""Stage 3: the chain of past choices, the sets cut from it, and what each is worth."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from choices import choice
from hypothesis import given
from hypothesis import strategies as st

from personalrm.profile.records import Reasoning
from personalrm.synthesis import demonstrations as stage
from personalrm.synthesis.judging import FewShotExample, JudgeContext, question
from personalrm.synthesis.scoring import Scores


def reasoning(number: int, verified: bool, surprise: float) -> Reasoning:
    return Reasoning(f"c{number}", f"Why {number}.", "a", verified, surprise)


def ids(shown: list[FewShotExample] | tuple[FewShotExample, ...]) -> list[str]:
    return [one.choice.id for one in shown]


def test_verified_and_surprising_choices_alternate_the_most_surprising_first() -> None:
    choices = [choice(number) for number in range(6)]
    reasonings = [
        reasoning(0, True, 0.1), reasoning(1, False, 0.9), reasoning(2, True, 0.5),
        reasoning(3, False, 2.0), reasoning(4, True, 0.3), reasoning(5, True, 0.2),
    ]  # fmt: skip
    chain = stage.order_demonstrations(choices, reasonings)
    assert ids(chain) == ["c2", "c3", "c4", "c1", "c5", "c0"]
    assert [one.why for one in chain] == ["Why 2.", None, "Why 4.", None, "Why 5.", "Why 0."]


def test_a_new_conversation_goes_before_one_already_shown() -> None:
    choices = [choice(number, group=f"g{number // 3}") for number in range(6)]
    chain = stage.order_demonstrations(choices, [reasoning(number, True, 6.0 - number) for number in range(6)])
    assert ids(chain) == ["c0", "c3", "c1", "c4", "c2", "c5"]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 7), st.integers(0, 3)), max_size=14))
def test_the_chain_holds_every_choice_once_and_reasonings_only_where_verified(
    drawn: list[tuple[bool, float, int]],
) -> None:
    choices = [choice(at, group=f"g{group}") for at, (_, _, group) in enumerate(drawn)]
    reasonings = [reasoning(at, verified, surprise) for at, (verified, surprise, _) in enumerate(drawn)]
    chain = stage.order_demonstrations(choices, reasonings)
    assert sorted(ids(chain)) == sorted(one.id for one in choices)
    verified = {one.choice for one in reasonings if one.verified}
    assert {one.choice.id for one in chain if one.why} == verified
    kinds = [one.why is not None for one in chain]
    both = 2 * min(sum(kinds), len(kinds) - sum(kinds))
    assert kinds[:both] == [True, False] * (both // 2)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=10), st.integers(0, 8000))
def test_whole_choices_fill_the_room_in_order(sizes: list[int], room: int) -> None:
    shown = [FewShotExample(choice(at, "x" * size)) for at, size in enumerate(sizes)]
    kept = stage.fitting(shown, 0, room)
    lengths = {one.choice.id: len(JudgeContext((one,)).text) for one in shown}
    assert [one for one in shown if one in kept] == kept
    assert kept
    if sum(lengths[one.choice.id] for one in kept) > room:
        assert len(kept) == 1
        assert lengths[kept[0].choice.id] == min(lengths.values())
    else:
        left = room - sum(lengths[one.choice.id] for one in kept)
        assert all(lengths[one.choice.id] > left for one in shown if one not in kept)


def test_an_over_long_history_of_over_long_responses_still_fits_a_prompt() -> None:
    shown = [FewShotExample(choice(at, "x" * 200_000)) for at in range(30)]
    kept = stage.fitting(shown, 0)
    assert 1 <= len(kept) < 30
    assert len(JudgeContext(tuple(kept)).text) <= stage.ROOM + 100


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 12])
def test_candidate_sets_are_prefixes_that_share_their_prompt(count: int) -> None:
    chain = [FewShotExample(choice(at), f"Why {at}.") for at in range(count)]
    sets = stage.candidate_sets(chain)
    assert 1 <= len(sets) <= 3
    assert len(sets[-1]) == min(count, stage.MOST_SHOWN)
    prompts = [JudgeContext(one).text for one in sets]
    for one, shorter, longer in zip(sets, prompts, prompts[1:], strict=False):
        assert list(one) == chain[: len(one)]
        assert longer.startswith(shorter)
    asked = choice(99)
    whole = [
        question(JudgeContext(one), asked.context, asked.chosen, asked.rejected, "token")[1].content for one in sets
    ]
    for shorter, longer in itertools.pairwise(whole):
        shared = shorter.index("<pair>")
        assert longer[:shared] == shorter[:shared]
    with_persona = JudgeContext(sets[-1], "Likes detail.").text
    assert with_persona.startswith(prompts[-1])


def test_the_best_candidate_leads_and_of_two_alike_the_smaller_set() -> None:
    scores = [Scores({"v": p}) for p in (0.4, 0.9, 0.6)]
    assert stage.leader(scores) == 1
    assert stage.leader([Scores({"v": None})]) == 0
    assert stage.leader([Scores({"v": None}), Scores({"v": 0.1})]) == 1
    assert stage.leader([Scores({"v": 0.5}), Scores({"v": 0.5})]) == 0
    assert stage.leader([Scores({"v": 0.8, "w": None}), Scores({"v": 0.9, "w": 0.3})]) == 1  # silence wins nothing
    assert stage.leader([Scores({"v": 0.9, "w": None}), Scores({"v": 0.9, "w": 0.3})]) == 1
    assert [stage.first_round([choice(at) for at in range(size)]) for size in (1, 2, 5, 10)] == [1, 1, 2, 4]


def test_worth_recovers_a_planted_value() -> None:
    draw = random.Random(3)
    noise = np.random.default_rng(3)
    chain = [FewShotExample(choice(at)) for at in range(6)]
    planted = {f"c{at}": value for at, value in enumerate((0.3, -0.2, 0.1, 0.0, 0.0, 0.15))}
    asked = [f"v{at}" for at in range(8)]
    without = Scores(dict.fromkeys(asked, 0.4))
    candidates = []
    for _ in range(40):
        shown = tuple(draw.sample(chain, draw.randint(1, 6)))
        gain = sum(planted[one.choice.id] for one in shown)
        losses = [-np.log(0.4) - gain + noise.normal(0, 0.05) for _ in asked]
        candidates.append((shown, Scores({v: float(np.exp(-loss)) for v, loss in zip(asked, losses, strict=True)})))
    found = stage.worth(candidates, without)
    assert found.keys() == planted.keys()
    assert max(abs(found[one] - planted[one]) for one in planted) < 0.04


def test_choices_always_shown_together_share_what_they_brought_and_nothing_is_made_up() -> None:
    pair = (FewShotExample(choice(0)), FewShotExample(choice(1)))
    found = stage.worth([(pair, Scores({"v": 0.8}))], Scores({"v": 0.4}))
    assert found["c0"] == found["c1"] > 0.2
    assert stage.worth([(pair, Scores({"v": None}))], Scores({"v": 0.4})) == {}
    assert stage.worth([(pair, Scores({"v": 0.8}))], Scores({"other": 0.4})) == {}
    assert stage.worth([], Scores()) == {}
