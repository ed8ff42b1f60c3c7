"""The preset `frugal`: the fewest calls, for hosts where a call takes minutes.

    persona from the bare choices (1 call) ── persona (5)
    plain judge (5)

The numbers are for 12 training and 5 validation choices: 11 calls with short answers, where `default` asks 61. No
reasoning is requested or verified, no demonstrations compete, and each validation choice is judged in one random order,
so that a judge that answers by position gains nothing. The fit decides only whether a persona helps.
"""

from __future__ import annotations

from collections.abc import Mapping

from personalrm.data.splits import Split
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather_pair
from personalrm.profile.options import Options
from personalrm.profile.records import Arm, Persona, Reasoning
from personalrm.synthesis import demonstrations as stage
from personalrm.synthesis.arm_selection import choose
from personalrm.synthesis.fit_result import FitResult
from personalrm.synthesis.judging import FewShotExample, JudgeContext
from personalrm.synthesis.persona import persona_text, write_persona
from personalrm.synthesis.scoring import Scores, score

MOST_SHOWN = 10
"""The newest choices are shown; a host that reads thirty tokens a second needs three minutes for ten."""
FILLING = 1


def calls(validation: int) -> int:
    """Return the number of calls of a fit with ``validation`` validation choices."""
    return 1 + 2 * validation


async def learn(endpoint: Endpoint, parts: Split, options: Options, known: Mapping[str, Reasoning]) -> FitResult:
    """Learn a persona and decide whether it helps; ``known`` is ignored."""
    newest = parts.training.decided[-MOST_SHOWN:]
    shown = stage.fitting([FewShotExample(one) for one in newest], options.seed)
    validation = parts.validation.choices

    async def with_persona() -> tuple[Persona | None, Scores | None]:
        persona = await write_persona(endpoint, shown, options.seed, options.persona_prompt, unverified=True)
        if persona is None:
            return None, None
        judge_context = JudgeContext(persona=persona_text(persona), seed=options.seed)
        return persona, await score(endpoint, judge_context, validation, options.verdicts, 0, seed=options.seed)

    plain, (persona, personal) = await gather_pair(
        score(endpoint, JudgeContext(), validation, options.verdicts, FILLING, seed=options.seed), with_persona()
    )
    arms: dict[Arm, Scores] = {"default": plain}
    if personal is not None:
        arms["persona"] = personal
    return FitResult((), persona, (), choose(arms, validation, options.seed))
