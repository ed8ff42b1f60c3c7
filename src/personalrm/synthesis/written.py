"""Stages 1 and 2 in a row: what every way of fitting asks first."""

from __future__ import annotations

from collections.abc import Mapping

from personalrm.data.splits import Split
from personalrm.llm.endpoint import Endpoint
from personalrm.synthesis import demonstrations as stage
from personalrm.synthesis.judging import Shown
from personalrm.synthesis.options import Options
from personalrm.synthesis.persona import write_persona
from personalrm.synthesis.profile import Persona, Reasoning
from personalrm.synthesis.reasoning import reason


async def written(
    endpoint: Endpoint, parts: Split, options: Options, known: Mapping[str, Reasoning]
) -> tuple[list[Reasoning], list[Shown], Persona | None]:
    """The reasonings of the training choices, those choices in prompt order as far as they fit, and the persona."""
    training = parts.training.decided
    reasonings = await reason(
        endpoint, training, seed=options.seed, samples=options.samples, both_orders=options.both_orders, known=known
    )
    shown = stage.fitting(stage.chain(training, reasonings, options.verification), options.seed)
    return reasonings, shown, await write_persona(endpoint, shown, options.seed, options.persona_prompt)
