"""Both engines give the same Profile and the same verbs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from facts import naming

from personalrm.errors import NotEnoughChoices
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.models.engines import JudgeEngine, ProgressEndpoint, TraitsEngine
from personalrm.models.registry import engine_named
from personalrm.preferences import History, Message
from personalrm.profile.records import Profile

CONTEXT = (Message("user", "How do I water basil?"),)
SHORT, LONG = "Every day.", "Water it every day. Mornings are best, because the leaves dry. Use about 100 ml."


class Letter:
    """Always says A."""

    model = "letter"

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        return Completion("A", prompt_tokens=3, completion_tokens=1)

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_the_embedded_engine_learns_and_predicts_without_an_endpoint(people: list[History]) -> None:
    engine, ada = TraitsEngine(), people[5]  # one of whom something is claimed
    profile = await engine.fit(ada)
    assert isinstance(profile, Profile)
    assert (profile.user, profile.model) == (ada.user, "traits")
    assert profile.spend.calls == 0
    assert profile.persona is not None
    known = {one.id for one in ada}
    for claim in profile.persona.claims:
        assert {*claim.supporting, *claim.opposing} <= known
        assert len(claim.supporting) > len(claim.opposing)
    predictor = await engine.open(profile)
    verdict = await predictor.compare(CONTEXT, SHORT, LONG)
    back = await predictor.compare(CONTEXT, LONG, SHORT)
    assert verdict.probability is not None
    assert back.probability is not None
    assert verdict.probability + back.probability == pytest.approx(1)
    scores = [await predictor.score(CONTEXT, one) for one in (SHORT, LONG)]
    assert (scores[0] > scores[1]) == (verdict.winner == "a")  # type: ignore[operator]
    ranking = await predictor.rank(CONTEXT, [SHORT, LONG, SHORT])
    assert sorted(ranking.order) == [0, 1, 2]
    assert sum(ranking.strengths) == pytest.approx(0, abs=1e-9)
    assert ranking.strengths[0] == ranking.strengths[2]


async def test_the_person_is_never_part_of_their_own_population(people: list[History]) -> None:
    with pytest.raises(NotEnoughChoices, match="no person other than"):
        await engine_named("traits", population=[people[0]]).fit(people[0])
    alone = await engine_named("traits", population=people[1:25]).fit(people[0])
    within = await engine_named("traits", population=people[:25]).fit(people[0])
    assert alone.traits == within.traits


@pytest.mark.parametrize("engine", [TraitsEngine(), JudgeEngine(Letter())])
async def test_nothing_decided_is_nothing_to_learn_from(engine: TraitsEngine, people: list[History]) -> None:
    from dataclasses import replace

    with pytest.raises(NotEnoughChoices, match="nothing to learn from"):
        await engine.fit(History("ada", ()))
    ties = History("ada", tuple(replace(one, tie=True) for one in people[0]))
    with pytest.raises(NotEnoughChoices, match=naming(20)):
        await engine.fit(ties)


async def test_progress_is_told_after_each_answer(people: list[History]) -> None:
    told: list[int] = []
    watched = ProgressEndpoint(Letter(), lambda: told.append(1))
    profile = await JudgeEngine(watched).fit(people[0])
    assert watched.model == profile.model == "letter"
    assert len(told) == profile.spend.calls > 10
