"""Stage 1: explain each training choice without its label, and keep explanations that predict it.

The model sees the conversation and both responses, but neither the label nor anything about the user. A reasoning whose
prediction equals the label is *verified*: a hypothesis about the user that passed one test. A wrong prediction marks a
surprising choice; it keeps no reasoning but may become a demonstration. (SynthesizeMe, arXiv 2506.05598, section 3.1.
Here every choice is asked once and all candidates share the pool.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from personalrm import prompts
from personalrm.errors import RequestRefused
from personalrm.llm.answers import parse_choice, parse_json
from personalrm.llm.endpoint import Completion, Endpoint, SamplingParams
from personalrm.llm.gather import gather
from personalrm.llm.thoughts import visible
from personalrm.preferences import Message, Preference, Side
from personalrm.profile.records import Reasoning
from personalrm.synthesis import rendering
from personalrm.synthesis.judging import clipped_log_loss, read_probability, reasoning_of

PRIORITY = 0
"""Highest priority: all other stages wait for the reasonings."""
LONGEST_KEPT = 2_000
"""Maximum characters kept of an answer without an explanation, for the reader of the profile."""
LONGEST_ANSWER = 512
"""Maximum tokens; an answer takes about 200."""
WARMER = 0.7
"""Temperature of the second and later samples; the first is greedy."""
SCHEMA: dict[str, Any] = {
    "title": "reasoning",
    "type": "object",
    "properties": {
        "speculations": {"type": "array", "items": {"type": "string", "maxLength": 300}, "maxItems": 3},
        "reasoning": {"type": "string", "maxLength": 1200},
        "preference": {"type": "string", "enum": ["A", "B"]},
    },
    "required": ["speculations", "reasoning", "preference"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    predicted: Side | None
    surprise: float
    readable: str


async def reason(
    endpoint: Endpoint,
    choices: Sequence[Preference],
    *,
    seed: int,
    samples: int = 1,
    both_orders: bool = False,
    known: Mapping[str, Reasoning] | None = None,
) -> list[Reasoning]:
    """Return a reasoning for each choice, in order.

    Args:
        endpoint: the language model.
        choices: the training choices.
        seed: determines which response is shown first.
        samples: answers per choice; the first verified one is kept.
        both_orders: count a prediction only if it holds in both orders (twice the calls).
        known: reasonings of an earlier fit by choice id; these choices are not asked again.
    """
    known = known or {}

    async def one(choice: Preference) -> Reasoning:
        return known.get(choice.id) or await _reason_about(endpoint, choice, seed, samples, both_orders)

    return await gather(one(choice) for choice in choices)


def explanations(reasonings: Sequence[Reasoning], verification: bool = True) -> dict[str, str]:
    """Return the explanations shown with their choices, by choice id: verified ones, or all with a prediction."""
    return {
        one.choice: one.text for one in reasonings if one.verified or (not verification and one.predicted is not None)
    }


def question(choice: Preference, seed: int, *, swapped: bool = False) -> list[Message]:
    """Return the messages that ask for a reasoning about one choice, without its label."""
    first, second = choice.shown(seed)
    if swapped:
        first, second = second, first
    asked = f"{rendering.pair(choice.context, first, second)}\n\n{prompts.load('reasoning')}"
    return [Message("system", prompts.load("system")), Message("user", asked)]


async def _reason_about(
    endpoint: Endpoint, choice: Preference, seed: int, samples: int, both_orders: bool
) -> Reasoning:
    """Request all samples and orders of one choice and keep the first verified sample."""

    async def ask(sample: int, swapped: bool) -> _Answer:
        params = SamplingParams(
            LONGEST_ANSWER, WARMER if sample else 0.0, SCHEMA, logprobs=5, sample=sample, priority=PRIORITY
        )
        try:
            completion = await endpoint.complete(question(choice, seed, swapped=swapped), params)
        except RequestRefused as error:  # too long for the model: it has no reasoning, the others have
            return _Answer("", None, math.log(2.0), str(error))
        return _read(completion, choice.preferred_side(seed), swapped)

    orders = (False, True) if both_orders else (False,)
    answers = await gather(ask(sample, swapped) for sample in range(samples) for swapped in orders)
    truth = choice.preferred_side(seed)
    rounds = [answers[i : i + len(orders)] for i in range(0, len(answers), len(orders))]
    surprise = sum(answer.surprise for answer in answers) / len(answers)
    for answered in rounds:
        if all(answer.predicted == truth for answer in answered) and answered[0].text:
            return Reasoning(choice.id, answered[0].text, truth, True, surprise)
    first = rounds[0][0]
    return Reasoning(choice.id, first.text or first.readable, first.predicted, False, surprise)


def _read(completion: Completion, truth: Side, swapped: bool) -> _Answer:
    """The text and prediction of an answer; sides are mapped back to the unswapped order."""
    side = parse_choice(completion.text)
    probability = read_probability(completion)
    if side is not None and swapped:
        side = "b" if side == "a" else "a"
    truth_first = (truth == "a") != swapped
    if side is None or probability is None:
        surprise = math.log(2.0)
    else:
        surprise = clipped_log_loss(probability if truth_first else 1.0 - probability)
    return _Answer(_written(completion.text), side, surprise, completion.text.strip()[:LONGEST_KEPT])


def _written(text: str) -> str:
    """The speculations and the reasoning as one text; prose unchanged; empty if nothing is explained."""
    record = parse_json(visible(text)) or {}
    speculations = record.get("speculations")
    parts = [str(one).strip() for one in speculations] if isinstance(speculations, list) else []
    reasoning = reasoning_of(text)
    if reasoning:
        parts.append(reasoning)
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)
