"""``memory``: a list of facts about the person, updated after each choice, as in chat products.

The facts are not validated, because this is a baseline. The calls for one person are sequential, those for different
people concurrent.
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


def sentences_schema(title: str, field: str) -> dict[str, Any]:
    """JSON schema of an answer with one list of texts, which `sentences_of` reads."""
    return {
        "title": title,
        "type": "object",
        "properties": {field: {"type": "array", "items": {"type": "string"}}},
        "required": [field],
        "additionalProperties": False,
    }


SCHEMA = sentences_schema("memory", "facts")


async def memory(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """Process the choices one by one, oldest first; the final facts are shown to the judge."""
    facts: list[str] = []
    for choice in history.decided:
        facts = await remember(endpoint, facts, choice, options.seed)
    if not facts:
        return seeing(endpoint, JudgeContext(), options, {"note": "there are no facts: judged as by default"})
    return seeing(endpoint, JudgeContext(memory=as_text(facts)), options, {"memory": facts})


async def remember(endpoint: Endpoint, facts: Sequence[str], choice: Preference, seed: int) -> list[str]:
    """The facts after one more choice; unchanged if the answer contains none."""
    known = f"{rendering.tagged('memory', as_text(facts))}\n" if facts else ""
    asked = f"{known}{rendering.past_choice(1, choice, seed, None)}\n\n{prompts.load('memory')}"
    messages = [Message("system", prompts.load("system")), Message("user", asked)]
    try:
        completion = await endpoint.complete(messages, SamplingParams(LONGEST_ANSWER, schema=SCHEMA))
    except RequestRefused:  # too long: skip this choice
        return list(facts)
    return read_facts(completion.text) or list(facts)


def read_facts(answer: str) -> list[str]:
    """The facts in a model's JSON answer; empty if there are none."""
    return sentences_of(answer, "facts")[:MOST_FACTS]


def sentences_of(answer: str, field: str) -> list[str]:
    """The texts in this list of a model's JSON answer, each on one line; empty if there are none."""
    found = (parse_json(visible(answer)) or {}).get(field)
    said = [" ".join(one.split()) for one in found if isinstance(one, str)] if isinstance(found, list) else []
    return [one for one in said if one]


def as_text(facts: Sequence[str]) -> str:
    """The facts as text for the judge."""
    return "\n".join(f"- {one}" for one in facts)
