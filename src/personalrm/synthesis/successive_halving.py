"""The preset `default`: one pool of reasonings and few candidates, most of them dropped early.

    reasonings (12 calls) ── persona (1) ─┬─ first round (3 sets × 2 choices × 2 orders) ─┬─ the rest (1 × 3 × 2)
    plain judge (10)                      └─ persona alone (10)                           └─ demonstrations alone (10)

The numbers are for 12 training and 5 validation choices: 61 calls, of which at most four in a row depend on each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personalrm.data.splits import Split
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather, gather_pair
from personalrm.preferences import Preference
from personalrm.profile.options import Options
from personalrm.profile.records import Arm, Persona, Reasoning
from personalrm.stats.position_bias import PositionBias
from personalrm.synthesis import demonstrations as stage
from personalrm.synthesis.arm_selection import choose
from personalrm.synthesis.first_stages import reason_and_write_persona
from personalrm.synthesis.fit_result import FitResult
from personalrm.synthesis.judging import FewShotExample, JudgeContext
from personalrm.synthesis.persona import persona_text
from personalrm.synthesis.scoring import Scores, score

RACING = 2
FILLING = 3
"""Priorities. No call depends on the arms without candidates, so they fill the places left by the longer chains."""


@dataclass(frozen=True)
class _SetComparison:
    """The candidate sets and their scores, the winner, and its scores without the persona (if there is one)."""

    sets: tuple[tuple[FewShotExample, ...], ...]
    scores: tuple[Scores, ...]
    winner: int
    alone: Scores | None

    def arms(self) -> dict[Arm, Scores]:
        """The arms measured by the candidate comparison."""
        if self.alone is None:
            return {"demonstrations": self.scores[self.winner]}
        return {"demonstrations": self.alone, "persona+demonstrations": self.scores[self.winner]}


async def learn(endpoint: Endpoint, parts: Split, options: Options, known: Mapping[str, Reasoning]) -> FitResult:
    """Return reasonings, persona, demonstrations and the selected arm. Needs at least one validation choice."""
    validation = parts.validation.choices
    plain, (reasonings, persona, alone, race) = await gather_pair(
        score(endpoint, JudgeContext(), validation, options.verdicts, FILLING, staggered=True),
        _personal(endpoint, parts, options, known),
    )
    arms: dict[Arm, Scores] = {"default": plain, **race.arms()}
    if alone is not None:
        arms["persona"] = alone
    fallback = choose(arms, validation, options.seed)
    without = plain if alone is None else alone
    return FitResult(
        reasonings=tuple(reasonings),
        persona=persona,
        demonstrations=race.sets[race.winner],
        fallback=fallback,
        candidates=tuple(
            stage.candidate_record(shown, scores, len(validation))
            for shown, scores in zip(race.sets, race.scores, strict=True)
        ),
        position=sum((one.position for one in arms.values()), PositionBias()),
        worth=stage.worth(list(zip(race.sets, race.scores, strict=True)), without),
        arms=arms,
    )


async def _personal(
    endpoint: Endpoint, parts: Split, options: Options, known: Mapping[str, Reasoning]
) -> tuple[list[Reasoning], Persona | None, Scores | None, _SetComparison]:
    """The chain of dependent calls, and the persona's own scores in parallel."""
    validation = parts.validation.choices
    reasonings, shown, persona = await reason_and_write_persona(endpoint, parts, options, known)
    text = None if persona is None else persona_text(persona)

    async def persona_alone() -> Scores | None:
        if text is None:
            return None
        judge_context = JudgeContext(persona=text, seed=options.seed)
        return await score(endpoint, judge_context, validation, options.verdicts, FILLING, staggered=True)

    race = _compare_sets(endpoint, stage.candidate_sets(shown), text, validation, options)
    return reasonings, persona, *await gather_pair(persona_alone(), race)


async def _compare_sets(
    endpoint: Endpoint,
    sets: Sequence[tuple[FewShotExample, ...]],
    persona: str | None,
    validation: Sequence[Preference],
    options: Options,
) -> _SetComparison:
    """All sets answer the first validation choices; the best one answers the rest, also without the persona."""
    cut = stage.first_round(validation)
    sights = [JudgeContext(shown, persona, options.seed) for shown in sets]

    async def ask(judge_context: JudgeContext, choices: Sequence[Preference], priority: int) -> Scores:
        return await score(endpoint, judge_context, choices, options.verdicts, priority)

    scores = await gather(ask(judge_context, validation[:cut], RACING) for judge_context in sights)
    winner = stage.leader(scores)
    last = [ask(sights[winner], validation[cut:], RACING)]
    if persona is not None:
        last.append(ask(JudgeContext(sets[winner], seed=options.seed), validation, FILLING))
    more, *alone = await gather(last)
    scores[winner] = scores[winner].with_more(more)
    return _SetComparison(tuple(sets), tuple(scores), winner, alone[0] if alone else None)
