"""Many responses for many people at once: the same numbers as one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from personalrm import Client
from personalrm.data.simulated import simulate_people
from personalrm.models.base import Predictor
from personalrm.models.batches import score_each
from personalrm.preferences import Message


class Asked:
    """A predictor that is asked, as a judge is; ``times`` counts."""

    def __init__(self) -> None:
        self.times: list[int] = []

    async def score_many(self, context: Sequence[Message], responses: Sequence[str]) -> list[float | None]:
        self.times.append(len(responses))
        return [None if one == "?" else float(len(one)) for one in responses]


def test_a_batch_gives_the_scores_of_each_to_the_last_bit() -> None:
    people = simulate_people(4, choices=8, seed=5)
    client = Client()
    profiles = [client.fit(one) for one in people]
    opened = [client.open(one) for one in profiles]
    context = (Message("user", "How long does pasta take?"),)
    rows = [(at % 4, context, f"{one.chosen} {at}") for at, one in enumerate(people[0].choices * 12)]
    one_by_one = [client.score(profiles[who], asked, text) for who, asked, text in rows]
    whose: list[Predictor] = [opened[who] for who, _, _ in rows]
    found = asyncio.run(score_each(whose, [one[1] for one in rows], [one[2] for one in rows]))
    assert found == one_by_one


def test_people_of_a_judge_are_asked_once_a_conversation_and_stand_at_their_places() -> None:
    local = Client()
    profile = local.fit(simulate_people(1, choices=4, seed=6)[0])
    here, there = local.open(profile), Asked()
    first, second = (Message("user", "One?"),), (Message("user", "Two?"),)
    whose: list[Predictor] = [there, here, there, there]  # type: ignore[list-item]
    found = asyncio.run(score_each(whose, [first, first, second, first], ["abc", "abc", "ab", "?"]))
    assert found == [3.0, local.score(profile, first, "abc"), 2.0, None]
    assert sorted(there.times) == [1, 2]
    assert asyncio.run(score_each([], [], [])) == []
