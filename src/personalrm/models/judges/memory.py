"""``memory``: a running profile of facts, updated choice by choice, as chat products keep it.

Nothing of it is checked against the choices; that is what makes it a baseline. The calls of one person wait for each
other, those of different people do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from personalrm import prompts
from personalrm.errors import RequestRefused
from personalrm.llm.answers import parse_json
from personalrm.llm.endpoint import Endpoint, SamplingParams
from personalrm.llm.thoughts import visible
from personalrm.models.judges import FittedJudge, seeing
from personalrm.preferences import History, Message, Preference
from personalrm.profile.options import Options
from personalrm.synthesis import rendering
from personalrm.synthesis.judging import JudgeContext

MOST_FACTS = 12
LONGEST_ANSWER = 800
SCHEMA: dict[str, Any] = {
    "title": "memory",
    "type": "object",
    "properties": {"facts": {"type": "array", "items": {"type": "string"}}},
    "required": ["facts"],
    "additionalProperties": False,
}


async def memory(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """Read the choices one by one, oldest first; what is remembered in the end is shown."""
    facts: list[str] = []
    for choice in history.decided:
        facts = await remember(endpoint, facts, choice, options.seed)
    if not facts:
        return seeing(endpoint, JudgeContext(), options, {"note": "nothing was remembered: judged as by default"})
    return seeing(endpoint, JudgeContext(memory=as_text(facts)), options, {"memory": facts})


async def remember(endpoint: Endpoint, facts: Sequence[str], choice: Preference, seed: int) -> list[str]:
    """The facts after one more choice; as they were where the answer holds none."""
    known = f"{rendering.tagged('memory', as_text(facts))}\n" if facts else ""
    asked = f"{known}{rendering.past_choice(1, choice, seed, None)}\n\n{prompts.load('memory')}"
    messages = [Message("system", prompts.load("system")), Message("user", asked)]
    try:
        completion = await endpoint.complete(messages, SamplingParams(LONGEST_ANSWER, schema=SCHEMA))
    except RequestRefused:  # too long: this choice is not remembered
        return list(facts)
    return read_facts(completion.text) or list(facts)


def read_facts(answer: str) -> list[str]:
    """The facts in a model's answer, in JSON; empty if there are none."""
    return sentences_of(answer, "facts")[:MOST_FACTS]


def sentences_of(answer: str, field: str) -> list[str]:
    """The texts in this list of a model's answer in JSON, each on one line; empty if there are none."""
    found = (parse_json(visible(answer)) or {}).get(field)
    said = [" ".join(one.split()) for one in found if isinstance(one, str)] if isinstance(found, list) else []
    return [one for one in said if one]


def as_text(facts: Sequence[str]) -> str:
    """The facts as the judge reads them."""
    return "\n".join(f"- {one}" for one in facts)
