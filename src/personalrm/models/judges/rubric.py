"""``rubric``: for each query, weighted criteria for what this person would look for; then scores on them.

    criteria = read_criteria('{"criteria": [{"criterion": "Says it in two sentences.", "weight": 5}]}')
    margin('{"scores": [{"criterion": 1, "a": 8, "b": 3}]}', criteria)      # 5.0 of 9 points in favour of A

The criteria are written without the responses, so they cannot be adapted to one of them. (This is the strongest
untrained judge published: a persona and a weighted rubric for each query.) With several schemes of criteria
(`user_scaling`), each is scored separately, and the log-odds are averaged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import Any

from personalrm import prompts
from personalrm.errors import NotEnoughChoices, RequestRefused
from personalrm.llm.answers import parse_json
from personalrm.llm.endpoint import Completion, Endpoint, SamplingParams
from personalrm.llm.gather import SharedWork, gather, gather_pair
from personalrm.llm.thoughts import visible
from personalrm.models.judges import FittedJudge
from personalrm.models.judges.shown import past_choices
from personalrm.preferences import History, Message
from personalrm.profile.options import Options
from personalrm.synthesis import rendering
from personalrm.synthesis.judging import JudgeContext, Judgement, OrderVerdict, ask_order, both_paid, combine, log_odds

POINT = 0.8
"""Log-odds per point of ten on a criterion with all the weight: two points are then 5 to 1, as much as two equal votes
(see `judging.VOTE`)."""
MOST_CRITERIA = 8
TEMPERATURE = 0.8
"""Temperature of every scheme except the first, so that samples differ."""
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
    """A criterion and its weight (above 0)."""

    text: str
    weight: float


Scheme = tuple[Criterion, ...]


async def rubric(endpoint: Endpoint, history: History, options: Options) -> FittedJudge:
    """Write criteria from the person's choices; scores use the criteria only."""
    return FittedJudge(Rubrics(endpoint, context_of(history, options.seed)))


def context_of(history: History, seed: int) -> JudgeContext:
    """The input for writing criteria. NotEnoughChoices without a decided choice."""
    if not history.decided:
        raise NotEnoughChoices(f"{history.user} has no decided choice to derive criteria from")
    return JudgeContext(past_choices(history, seed), seed=seed)


@dataclass(frozen=True)
class Rubrics:
    """Judges pairs; the criteria of a conversation are requested once, by the first pair.

    Attributes:
        judge_context: the user's choices, from which criteria are written.
        samples: number of schemes per conversation: the first at temperature 0, the others at `TEMPERATURE`.
        general: further schemes, independent of the conversation, with the same weight as the person's own.
    """

    endpoint: Endpoint
    judge_context: JudgeContext
    samples: int = 1
    general: tuple[Scheme, ...] = ()
    _written: dict[tuple[Message, ...], SharedWork[list[Scheme]]] = field(default_factory=dict)

    async def __call__(self, context: Sequence[Message], a: str, b: str) -> Judgement:
        if a == b:
            return Judgement(0.5, ())
        schemes = Counter([*await self._schemes(tuple(context)), *self.general])  # duplicate schemes are scored once
        if not schemes:
            return Judgement(None, (), "no criteria could be parsed")
        judged = await gather(self._scored(one, context, a, b) for one in schemes)
        return averaged(judged, list(schemes.values()))

    async def _schemes(self, context: tuple[Message, ...]) -> list[Scheme]:
        written = self._written.get(context)
        if written is None or not written.is_usable:  # errors are not cached: the host may recover
            written = self._written[context] = SharedWork(self._write_all(context))
        return await written.result()

    async def _write_all(self, context: Sequence[Message]) -> list[Scheme]:
        asked = f"{self.judge_context.text}{rendering.conversation(context)}\n\n{prompts.load('rubric')}"
        return await write_schemes(self.endpoint, asked, self.samples)

    async def _scored(self, scheme: Scheme, context: Sequence[Message], a: str, b: str) -> Judgement:
        ask = partial(_ask, self.endpoint, scheme, context)
        return combine(*await gather_pair(ask(a, b), ask(b, a)))


async def write_schemes(endpoint: Endpoint, asked: str, samples: int = 1) -> list[Scheme]:
    """The readable schemes among this many samples of the same request."""
    found = await gather(_write(endpoint, asked, sample) for sample in range(samples))
    return [one for one in found if one]


async def _write(endpoint: Endpoint, asked: str, sample: int) -> Scheme:
    messages = [Message("system", prompts.load("system")), Message("user", asked)]
    params = SamplingParams(LONGEST_ANSWER, TEMPERATURE if sample else 0.0, schema=CRITERIA_SCHEMA, sample=sample)
    try:
        completion = await endpoint.complete(messages, params)
    except RequestRefused:
        return ()
    return read_criteria(completion.text)


def averaged(judged: Sequence[Judgement], counts: Sequence[int]) -> Judgement:
    """Combine judgements of one pair: in each order the mean of the log-odds, over those readable in both orders.

    Each is weighted by ``counts``. Both orders have the tokens and cost of all; if none is readable in both orders the
    pair is unscored.
    """
    if len(judged) == 1:
        return judged[0]
    scored = [(one, count) for one, count in zip(judged, counts, strict=True) if one.probability is not None]
    orders = [_pooled([one.orders[at] for one in judged], [(one.orders[at], n) for one, n in scored]) for at in (0, 1)]
    unread = None if scored else judged[0].unscored
    forward, turned = (replace(one, unscored=unread) for one in orders)
    swapped = turned if turned.probability is None else replace(turned, probability=1.0 - turned.probability)
    return combine(forward, swapped)


def _pooled(asked: Sequence[OrderVerdict], scored: Sequence[tuple[OrderVerdict, int]]) -> OrderVerdict:
    paid = reduce(both_paid, (one.completion for one in asked))
    first = replace(asked[0], completion=paid, seconds=max(one.seconds for one in asked), probability=None)
    if not scored:
        return first
    total = sum(count for _, count in scored)
    logit = sum(count * log_odds(one.probability) for one, count in scored if one.probability is not None) / total
    return replace(first, probability=1.0 / (1.0 + math.exp(-logit)))


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
    """The criteria in a model's answer; those without a text or a positive weight are ignored."""
    found = (parse_json(visible(answer)) or {}).get("criteria")
    items = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    read = [(_line(one.get("criterion")), _number(one.get("weight"))) for one in items]
    return tuple(Criterion(text, weight) for text, weight in read if text and weight and weight > 0)[:MOST_CRITERIA]


def margin(answer: str, criteria: Sequence[Criterion]) -> float | None:
    """Weighted lead of A over B in points of ten; None unless every criterion has both scores."""
    found = (parse_json(visible(answer)) or {}).get("scores")
    items = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    ahead: dict[int, float] = {}
    for item in items:
        number, a, b = (_number(item.get(name)) for name in ("criterion", "a", "b"))
        if number is not None and a is not None and b is not None and min(a, b) >= 0 and max(a, b) <= 10:
            ahead[int(number)] = a - b
    if not all(number in ahead for number in range(1, len(criteria) + 1)):
        return None
    most = max(one.weight for one in criteria)  # normalise, because a sum of weights such as 1e308 overflows
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
