"""``rubric``: for each query, what would this person look for, as weighted criteria; then scores on them.

    criteria = read_criteria('{"criteria": [{"criterion": "Says it in two sentences.", "weight": 5}]}')
    margin('{"scores": [{"criterion": 1, "a": 8, "b": 3}]}', criteria)      # 5.0 of 9 points in favour of A

The criteria are written before any response is seen, so they cannot be bent to one. (The strongest untrained judge
published; a persona for each query and a weighted rubric.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from personalrm import prompts
from personalrm.errors import NotEnoughChoices, RequestRefused
from personalrm.llm.answers import parse_json
from personalrm.llm.endpoint import Completion, Endpoint, SamplingParams
from personalrm.llm.gather import SharedWork, gather_pair
from personalrm.llm.thoughts import visible
from personalrm.models.judges import FittedJudge
from personalrm.models.judges.shown import past_choices
from personalrm.preferences import History, Message
from personalrm.profile.options import Options
from personalrm.synthesis import rendering
from personalrm.synthesis.judging import JudgeContext, Judgement, OrderVerdict, ask_order, combine

POINT = 0.8
"""Log-odds that one point of ten is worth where it counts for all the weight: two points are then 5 to 1, as much as
two votes that agree (see `judging.VOTE`)."""
MOST_CRITERIA = 8
LONGEST_ANSWER = 600
_ITEM = {"type": "object", "additionalProperties": False}
CRITERIA_SCHEMA: dict[str, Any] = {
    "title": "rubric",
    "type": "object",
    "properties": {
        "criteria": {
            "type": "array",
            "items": {
                **_ITEM,
                "properties": {"criterion": {"type": "string"}, "weight": {"type": "number"}},
                "required": ["criterion", "weight"],
            },
        }
    },
    "required": ["criteria"],
    "additionalProperties": False,
}
SCORES_SCHEMA: dict[str, Any] = {
    "title": "scores",
    "type": "object",
    "properties": {
        "scores": {
            "type": "array",
            "items": {
                **_ITEM,
                "properties": {"criterion": {"type": "integer"}, "a": {"type": "number"}, "b": {"type": "number"}},
                "required": ["criterion", "a", "b"],
            },
        }
    },
    "required": ["scores"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is looked for, and how much it counts (above 0)."""

    text: str
    weight: float


async def rubric(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """The person's choices are shown where the criteria are written; the scores go by the criteria alone."""
    if not history.decided:
        raise NotEnoughChoices(f"{history.user} has no decided choice that criteria could be drawn from")
    return FittedJudge(_Rubrics(endpoint, JudgeContext(past_choices(history, options.seed), seed=options.seed)))


@dataclass(frozen=True)
class _Rubrics:
    """Judges pairs; the criteria of a conversation are asked for once, whoever asks first."""

    endpoint: Endpoint
    sight: JudgeContext
    _written: dict[tuple[Message, ...], SharedWork[tuple[Criterion, ...]]] = field(default_factory=dict)

    async def __call__(self, context: Sequence[Message], a: str, b: str) -> Judgement:
        if a == b:
            return Judgement(0.5, ())
        criteria = await self._criteria(tuple(context))
        if not criteria:
            return Judgement(None, (), "no criteria could be read")
        ask = partial(_ask, self.endpoint, criteria, context)
        return combine(*await gather_pair(ask(a, b), ask(b, a)))

    async def _criteria(self, context: tuple[Message, ...]) -> tuple[Criterion, ...]:
        written = self._written.get(context)
        if written is None or not written.is_usable:  # an error is not kept: the host may be there again
            written = self._written[context] = SharedWork(_write(self.endpoint, self.sight, context))
        return await written.result()


async def _write(endpoint: Endpoint, sight: JudgeContext, context: Sequence[Message]) -> tuple[Criterion, ...]:
    asked = f"{sight.text}{rendering.conversation(context)}\n\n{prompts.load('rubric')}"
    messages = [Message("system", prompts.load("system")), Message("user", asked)]
    try:
        completion = await endpoint.complete(messages, SamplingParams(LONGEST_ANSWER, schema=CRITERIA_SCHEMA))
    except RequestRefused:
        return ()
    return read_criteria(completion.text)


async def _ask(
    endpoint: Endpoint, criteria: Sequence[Criterion], context: Sequence[Message], first: str, second: str
) -> OrderVerdict:
    lines = (f"{number}. (weight {one.weight:g}) {one.text}" for number, one in enumerate(criteria, 1))
    told = rendering.tagged("rubric", "\n".join(lines))
    asked = f"{told}\n{rendering.pair(context, first, second)}\n\n{prompts.load('rubric_scores')}"
    messages = [Message("system", prompts.load("system")), Message("user", asked)]

    def read(completion: Completion) -> float | None:
        points = margin(completion.text, criteria)
        return None if points is None else 1.0 / (1.0 + math.exp(-POINT * points))

    return await ask_order(endpoint, messages, SamplingParams(LONGEST_ANSWER, schema=SCORES_SCHEMA), read)


def read_criteria(answer: str) -> tuple[Criterion, ...]:
    """The criteria in a model's answer; those without a text or a weight above 0 are left out."""
    found = (parse_json(visible(answer)) or {}).get("criteria")
    items = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    read = [(_line(one.get("criterion")), _number(one.get("weight"))) for one in items]
    return tuple(Criterion(text, weight) for text, weight in read if text and weight and weight > 0)[:MOST_CRITERIA]


def margin(answer: str, criteria: Sequence[Criterion]) -> float | None:
    """How many points of ten A is ahead of B, weighted; None unless every criterion has both of its scores."""
    found = (parse_json(visible(answer)) or {}).get("scores")
    items = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    ahead: dict[int, float] = {}
    for item in items:
        number, a, b = (_number(item.get(name)) for name in ("criterion", "a", "b"))
        if number is not None and a is not None and b is not None and min(a, b) >= 0 and max(a, b) <= 10:
            ahead[int(number)] = a - b
    if not all(number in ahead for number in range(1, len(criteria) + 1)):
        return None
    most = max(one.weight for one in criteria)  # weights of 1e308 have no sum
    weighted = sum(one.weight / most * ahead[number] for number, one in enumerate(criteria, 1))
    return weighted / sum(one.weight / most for one in criteria)


def _line(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    try:
        found = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
