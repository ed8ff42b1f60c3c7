"""The preset `paper`: the candidate sets and the selection rule of the released SynthesizeMe code.

Stage 1: one reasoning per training choice; 12 candidate sets (labels only, all in order, 10 random ones of size
randint(1, N)) are scored as few-shot examples on validation, each choice in one order; the first set with the best
accuracy wins. Stage 2: the verified reasonings of the winning set become the persona. Stage 3: with the persona in
place, 12 sets of these kinds and an empty one are scored again; the first best one is used, without a comparison with
the plain judge.

Deliberate differences from the released code: labelled choices reach the judge, and if the winning set holds no
verified reasoning, the persona is written from all of them instead of none. The released code checks its stopping
threshold only after everything has run, so it has no effect and is omitted.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from personalrm.data.splits import Split
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather, gather_pair
from personalrm.preferences import Preference
from personalrm.profile.options import Options
from personalrm.profile.records import Arm, ArmSelection, CandidateSet, Reasoning
from personalrm.synthesis import demonstrations as stage
from personalrm.synthesis.arm_selection import arm_scores
from personalrm.synthesis.fit_result import FitResult
from personalrm.synthesis.judging import FewShotExample, JudgeContext
from personalrm.synthesis.persona import persona_text, write_persona
from personalrm.synthesis.reasoning import explanations, reason
from personalrm.synthesis.scoring import Scores, score

RANDOM_SETS = 10
SCORING = 2
FILLING = 3


async def learn(endpoint: Endpoint, parts: Split, options: Options, known: Mapping[str, Reasoning]) -> FitResult:
    """Run the released algorithm. Needs at least one validation choice."""
    training, validation = parts.training.decided, parts.validation.choices

    async def measure(shown: tuple[FewShotExample, ...], persona: str | None = None, priority: int = SCORING) -> Scores:
        judge_context = JudgeContext(shown, persona, options.seed)
        return await score(endpoint, judge_context, validation, options.verdicts, priority, seed=options.seed)

    plain, reasonings = await gather_pair(
        measure((), priority=FILLING),
        reason(
            endpoint, training, seed=options.seed, samples=options.samples, both_orders=options.both_orders, known=known
        ),
    )
    whys = explanations(reasonings, options.verification)
    sets = candidate_sets(training, whys, options.seed)
    first = await gather(measure(shown) for shown in sets)
    best = _first_best(first)
    persona = await write_persona(endpoint, _reasoned(sets[best], sets[1]), options.seed, options.persona_prompt)
    arms: dict[Arm, Scores] = {"default": plain, "demonstrations": first[best]}
    if persona is None:
        return FitResult(
            tuple(reasonings), None, sets[best], _used("demonstrations", arms), *_records(sets, first, plain)
        )
    text = persona_text(persona)
    sets = [(), *candidate_sets(training, whys, options.seed + 1)]
    second = await gather(measure(shown, text) for shown in sets)
    best = _first_best(second)
    arms |= {"persona": second[0], "persona+demonstrations": second[best]}
    fallback = _used("persona+demonstrations" if sets[best] else "persona", arms)
    return FitResult(tuple(reasonings), persona, sets[best], fallback, *_records(sets[1:], second[1:], second[0]))


def candidate_sets(
    choices: Sequence[Preference], whys: Mapping[str, str], seed: int
) -> list[tuple[FewShotExample, ...]]:
    """Return the sets: labels only, all in order with their explanations, and ten random subsets."""
    everything = tuple(stage.fitting([FewShotExample(one, whys.get(one.id)) for one in choices], seed))
    labels = tuple(stage.fitting([FewShotExample(one) for one in choices], seed))
    draw = random.Random(seed)
    subsets = [tuple(draw.sample(everything, draw.randint(1, len(everything)))) for _ in range(RANDOM_SETS)]
    return [labels, everything, *subsets]


def _first_best(scores: Sequence[Scores]) -> int:
    """Index of the first set with the best accuracy; an unscored set counts as the worst."""
    return max(range(len(scores)), key=lambda i: ((scores[i].accuracy or 0.0) * scores[i].scored, -i))


def _reasoned(winner: tuple[FewShotExample, ...], everything: tuple[FewShotExample, ...]) -> list[FewShotExample]:
    """The choices whose verified reasonings become the persona."""
    return [one for one in winner if one.why] or [one for one in everything if one.why]


def _used(arm: Arm, arms: Mapping[Arm, Scores]) -> ArmSelection:
    """The selection without fallback, as in the paper; the measured scores are kept."""
    reason = "The paper's rule: the best candidate set is used, without a comparison with the plain judge."
    return ArmSelection(arm, arm_scores(arms), arms[arm].gain_over(arms["default"]), None, reason)


def _records(
    sets: Sequence[tuple[FewShotExample, ...]], scores: Sequence[Scores], without: Scores
) -> tuple[tuple[CandidateSet, ...], dict[str, float]]:
    scored = list(zip(sets, scores, strict=True))
    candidates = tuple(stage.candidate_record(shown, one, one.asked) for shown, one in scored)
    return candidates, stage.worth(scored, without)
