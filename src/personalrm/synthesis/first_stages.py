"""Stages 1 and 2, reasoning and persona, which every preset runs first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from personalrm.data.splits import Split
from personalrm.llm.endpoint import Endpoint
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.profile.records import Persona, Reasoning
from personalrm.synthesis import demonstrations as stage
from personalrm.synthesis.judging import FewShotExample
from personalrm.synthesis.persona import write_persona
from personalrm.synthesis.reasoning import reason


async def reason_and_write_persona(
    endpoint: Endpoint, parts: Split, options: Options, known: Mapping[str, Reasoning]
) -> tuple[list[Reasoning], list[FewShotExample], Persona | None]:
    """Return the reasonings of the training choices, the examples that fit the prompt in order, and the persona."""
    reasonings, shown = await reason_choices(endpoint, parts, options, known)
    return reasonings, shown, await write_persona(endpoint, shown, options.seed, options.persona_prompt)


async def reason_choices(
    endpoint: Endpoint, parts: Split, options: Options, known: Mapping[str, Reasoning]
) -> tuple[list[Reasoning], list[FewShotExample]]:
    """Stage 1 alone: return the reasonings, and the examples that fit the prompt in order."""
    training = parts.training.decided
    reasonings = await reason(
        endpoint, training, seed=options.seed, samples=options.samples, both_orders=options.both_orders, known=known
    )
    return reasonings, stage.fitting(
        stage.order_demonstrations(training, reasonings, options.verification), options.seed
    )


def drop_identical_pairs(history: History) -> History:
    """Return the history to learn from: a choice between two identical texts becomes a tie."""
    return history.only(one if one.chosen != one.rejected else replace(one, tie=True) for one in history)
