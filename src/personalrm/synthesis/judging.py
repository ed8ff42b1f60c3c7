"""Asks a model which of two responses the user prefers, in both orders.

`JudgeContext` holds what the judge is shown about the user. Every prompt is `system + past choices + persona + pair +
question`, in that order: parts shared between calls come first, so that the host's prefix cache serves them (the
demonstrations serve the calls with and without a persona).

    judgement = await judge_pair(endpoint, JudgeContext(), context, "Yes.", "It depends.", "token")
    judgement.probability      # that the first-named response is preferred
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from personalrm import prompts
from personalrm.errors import RequestRefused
from personalrm.llm.answers import choice_probability, parse_choice, parse_json, why_unparsed
from personalrm.llm.cache_rows import cache_key
from personalrm.llm.endpoint import Completion, Endpoint, SamplingParams
from personalrm.llm.gather import gather_pair
from personalrm.llm.thoughts import visible
from personalrm.preferences import Message, Preference, Verdict
from personalrm.profile.options import VerdictMode
from personalrm.renamed import renamed
from personalrm.synthesis import rendering

VOTE = 5 / 6
"""Probability of a verdict without log-probabilities: the Krichevsky–Trofimov estimate of two agreeing votes."""
SMALLEST = 1e-3
TOKEN_ANSWER = 4
"""Maximum tokens: a letter, and the quotes, stars or line break that some models put before it."""
REASONED_ANSWER = 384
"""Maximum tokens; eighty words of JSON take about 130. The endpoint allows more for a model that reasons first."""
REFUSED = "refused"
"""Finish reason of a request that the host refused; a longer question is not tried."""
VERDICT_SCHEMA: dict[str, Any] = {
    "title": "verdict",
    "type": "object",
    "properties": {
        "reasoning": {"type": "string", "maxLength": 1200},
        "preference": {"type": "string", "enum": ["A", "B"]},
    },
    "required": ["reasoning", "preference"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class FewShotExample:
    """A past choice as shown to the judge; ``why`` is its verified reasoning, or None."""

    choice: Preference
    why: str | None = None


@dataclass(frozen=True)
class JudgeContext:
    """The user information in the judge's prompt.

    Attributes:
        demonstrations: past choices, in the order shown.
        persona: description of the user's taste.
        seed: determines which response of a past choice is shown first.
        demographics: description of the user; a baseline.
        memory: facts noted about the user; a baseline.
        own_words: what the user says about themselves and what they want.
    """

    demonstrations: tuple[FewShotExample, ...] = ()
    persona: str | None = None
    seed: int = 0
    demographics: str | None = None
    memory: str | None = None
    own_words: str | None = None

    @cached_property
    def text(self) -> str:
        """The user's part of the prompt, rendered once for all calls that share it."""
        parts = []
        if self.demonstrations:
            shown = enumerate(self.demonstrations, 1)
            choices = [rendering.past_choice(n, one.choice, self.seed, one.why) for n, one in shown]
            parts += [prompts.load("past_choices"), *choices]
        told_of = (("demographics", self.demographics), ("memory", self.memory), ("own_words", self.own_words))
        for tag, told in told_of:
            if told:
                parts += [prompts.load(f"about_{tag}"), rendering.tagged(tag, told)]
        if self.persona:
            parts.append(rendering.tagged("persona", self.persona))
        return "".join(f"{part}\n" for part in parts)


@dataclass(frozen=True, slots=True)
class OrderVerdict:
    """The verdict on one order of a pair.

    Attributes:
        probability: that the caller's first response is preferred; None if unscored.
        text: the model's answer.
        unscored: why there is no probability.
        completion: the completion; after a second request, with the tokens and cost of both.
        prompt: short hash of model, prompt and parameters, as in the answer cache.
        seconds: from request to answer, including the wait in the queue.
    """

    probability: float | None
    text: str
    unscored: str | None
    completion: Completion
    prompt: str = ""
    seconds: float = 0.0


_EVEN = 1e-9


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts on both orders of one pair, as probabilities of the caller's first response.

    ``probability`` is None if either order could not be read; ``orders`` is empty for identical responses.
    """

    probability: float | None
    orders: tuple[OrderVerdict, ...]
    unscored: str | None = None

    def verdict(self) -> Verdict:
        """Return the public verdict, with the reasoning of the first order if there is one, and a remark if that order
        prefers another response than both together."""
        if not self.orders:
            return Verdict(self.probability, "The two responses are identical.", self.unscored)
        first = self.orders[0]
        reasoning = reasoning_of(first.text)
        if reasoning and first.probability is not None and not agree(first.probability, self.probability):
            reasoning = f"The two orders disagree; the answer in the first order was: {reasoning}"
        return Verdict(self.probability, reasoning, self.unscored)


def agree(one: float | None, other: float | None) -> bool:
    """Whether two probabilities of the same response prefer the same one, or one of them is missing."""
    if one is None or other is None:
        return True
    return abs(one - other) < _EVEN or (one - 0.5) * (other - 0.5) > 0.0


def question(
    judge_context: JudgeContext, context: Sequence[Message], first: str, second: str, verdicts: VerdictMode
) -> list[Message]:
    """Return the messages that ask for one verdict in one order."""
    asked = f"{judge_context.text}{rendering.pair(context, first, second)}\n\n{prompts.load(f'verdict_{verdicts}')}"
    return [Message("system", prompts.load("system")), Message("user", asked)]


def wanted(verdicts: VerdictMode, priority: int = 0) -> SamplingParams:
    """Return the sampling parameters for a verdict of this kind."""
    if verdicts == "token":
        return SamplingParams(TOKEN_ANSWER, logprobs=20, priority=priority)
    return SamplingParams(REASONED_ANSWER, schema=VERDICT_SCHEMA, logprobs=5, priority=priority)


async def judge_order(
    endpoint: Endpoint,
    judge_context: JudgeContext,
    context: Sequence[Message],
    first: str,
    second: str,
    verdicts: VerdictMode,
    priority: int = 0,
) -> OrderVerdict:
    """Return the verdict on one order.

    An unreadable letter is requested again as a reasoned verdict, which also works for models that reason first. A
    request that the host refuses (too long, filtered) is unscored.
    """
    messages, params = question(judge_context, context, first, second, verdicts), wanted(verdicts, priority)
    asked = await ask_order(endpoint, messages, params, read_probability)
    if asked.probability is None and asked.completion.finish_reason != REFUSED and verdicts == "token":
        again = await judge_order(endpoint, judge_context, context, first, second, "reasoned", priority)
        paid = both_paid(asked.completion, again.completion)
        return replace(again, completion=paid, seconds=asked.seconds + again.seconds)
    return asked


async def ask_order(
    endpoint: Endpoint, messages: Sequence[Message], params: SamplingParams, read: Callable[[Completion], float | None]
) -> OrderVerdict:
    """Send one question about one order; ``read`` extracts the probability of the response shown first."""
    prompt = cache_key(endpoint.model, messages, params).hex()[:16]
    began = time.perf_counter()
    try:
        completion = await endpoint.complete(messages, params)
    except RequestRefused as error:
        refused = Completion("", finish_reason=REFUSED, cost=0.0)
        return OrderVerdict(None, "", str(error), refused, prompt, time.perf_counter() - began)
    probability = read(completion)
    unscored = None if probability is not None else why_unparsed(completion.text)
    return OrderVerdict(probability, completion.text, unscored, completion, prompt, time.perf_counter() - began)


def both_paid(first: Completion, second: Completion) -> Completion:
    """Return the second completion with the tokens and cost of both."""
    known = first.cost is not None and second.cost is not None
    return replace(
        second,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        cached_tokens=first.cached_tokens + second.cached_tokens,
        cost=(first.cost or 0.0) + (second.cost or 0.0) if known else None,
    )


async def judge_pair(
    endpoint: Endpoint,
    judge_context: JudgeContext,
    context: Sequence[Message],
    a: str,
    b: str,
    verdicts: VerdictMode,
    priority: int = 0,
    *,
    staggered: bool = False,
) -> Judgement:
    """Return the probability that ``a`` is preferred, from both orders.

    ``staggered`` sends the second order after the first is answered: slower, but then the host has the prompt up to the
    responses in its prefix cache. For background work.
    """
    ask = partial(judge_order, endpoint, judge_context, context, verdicts=verdicts, priority=priority)
    if staggered:
        return combine(await ask(a, b), await ask(b, a))
    return combine(*await gather_pair(ask(a, b), ask(b, a)))


def combine(forward: OrderVerdict, swapped: OrderVerdict) -> Judgement:
    """Average the log-odds of both orders, which cancels a preference for the first position."""
    turned = swapped if swapped.probability is None else replace(swapped, probability=1.0 - swapped.probability)
    if forward.probability is None or turned.probability is None:
        return Judgement(None, (forward, turned), forward.unscored or turned.unscored)
    logit = (log_odds(forward.probability) + log_odds(turned.probability)) / 2
    return Judgement(1.0 / (1.0 + math.exp(-logit)), (forward, turned))


def read_probability(completion: Completion) -> float | None:
    """Return P(first response is preferred), from log-probabilities, else from the text as a vote, else None."""
    said = parse_choice(completion.text)
    if completion.tokens is not None:
        measured = choice_probability(completion.tokens)
        if measured is not None and (said is None or (said == "a") == (measured >= 0.5)):
            return measured
    if said is None:
        return None
    return VOTE if said == "a" else 1.0 - VOTE


def reasoning_of(text: str) -> str | None:
    """Return the explanation in a reasoned answer, in JSON or as prose; None if the answer is only a letter."""
    answer = visible(text)
    record = parse_json(answer) or {}
    written = record.get("reasoning")
    if isinstance(written, str) and written.strip():
        return written.strip()
    return answer if len(answer.split()) > 3 and not record else None


def log_odds(probability: float) -> float:
    """Return log p/(1-p), with p clipped to [0.001, 0.999] because a judge is not more certain than that."""
    p = min(max(probability, SMALLEST), 1.0 - SMALLEST)
    return math.log(p / (1.0 - p))


def clipped_log_loss(probability_of_chosen: float) -> float:
    """Return −log p of the chosen response, in nats, with p clipped to [0.001, 0.999]."""
    return -math.log(min(max(probability_of_chosen, SMALLEST), 1.0 - SMALLEST))


__getattr__ = renamed(__name__, {"Shown": "FewShotExample", "Sight": "JudgeContext"})
