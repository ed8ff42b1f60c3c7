"""Stage 1: explain each training choice blind to its label, keep only explanations that predict it.

The model sees the conversation and both responses, not the choice and nothing about the person. A reasoning whose
prediction equals the choice is *verified*: it is a hypothesis about the person that has survived one test. A choice
that was predicted wrongly is no failure, it is the surprising one; it keeps no reasoning but may still be a
demonstration. (SynthesizeMe, arXiv 2506.05598, section 3.1. Here every choice is asked once and all candidates share
the pool.)
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
"""Everything else waits for the reasonings, so they go first."""
LONGEST_KEPT = 2_000
"""Characters kept of an answer that explains nothing, so that a reader of the profile sees what came."""
LONGEST_ANSWER = 512
"""Tokens; what is asked for takes about 200."""
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
    """A reasoning for each choice, in order.

    Args:
        endpoint: who is asked.
        choices: the training choices.
        seed: draws which response is shown first.
        samples: answers asked for each choice; the first verified one is kept.
        both_orders: a prediction counts only if it holds in both orders (twice the calls).
        known: reasonings from an earlier fit by choice id; these choices are not asked again.
    """
    known = known or {}

    async def one(choice: Preference) -> Reasoning:
        return known.get(choice.id) or await _reason_about(endpoint, choice, seed, samples, both_orders)

    return await gather(one(choice) for choice in choices)


def explanations(reasonings: Sequence[Reasoning], verification: bool = True) -> dict[str, str]:
    """The explanations that are shown with their choices, by choice id: the verified ones, else all that predicted."""
    return {
        one.choice: one.text for one in reasonings if one.verified or (not verification and one.predicted is not None)
    }


def question(choice: Preference, seed: int, *, swapped: bool = False) -> list[Message]:
    """The messages that ask for a reasoning about one choice, blind to the label."""
    first, second = choice.shown(seed)
    if swapped:
        first, second = second, first
    asked = f"{rendering.pair(choice.context, first, second)}\n\n{prompts.load('reasoning')}"
    return [Message("system", prompts.load("system")), Message("user", asked)]


async def _reason_about(
    endpoint: Endpoint, choice: Preference, seed: int, samples: int, both_orders: bool
) -> Reasoning:
    """Ask all samples and orders of one choice, keep the first sample that is verified."""

    async def ask(sample: int, swapped: bool) -> _Answer:
        want = SamplingParams(
            LONGEST_ANSWER, WARMER if sample else 0.0, SCHEMA, logprobs=5, sample=sample, priority=PRIORITY
        )
        try:
            completion = await endpoint.complete(question(choice, seed, swapped=swapped), want)
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
    """What was written and predicted; sides are turned back to the unswapped order."""
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
    """The speculations and the reasoning as one text, prose as it is; empty if nothing was explained."""
    record = parse_json(visible(text)) or {}
    speculations = record.get("speculations")
    parts = [str(one).strip() for one in speculations] if isinstance(speculations, list) else []
    reasoning = reasoning_of(text)
    if reasoning:
        parts.append(reasoning)
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)
