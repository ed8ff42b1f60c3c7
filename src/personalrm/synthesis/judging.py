"""Asking a model which of two responses the person prefers: always in both orders, never guessing.

What the judge is shown of the person is a `JudgeContext`. Every prompt is `system + past choices + persona + pair +
question`, in that order: whatever is shared between calls comes first, so that the host's prefix cache pays for it
once (the demonstrations serve the calls with and without a persona alike).

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
"""What a verdict without log-probabilities is worth: two votes that agree are the Krichevsky–Trofimov estimate 5/6."""
SMALLEST = 1e-3
TOKEN_ANSWER = 4
"""Tokens enough for a letter with the quotes, stars or line break some models put before it."""
REASONED_ANSWER = 384
"""Tokens; eighty words in JSON take about 130. Where a model thinks first, or is cut off, the endpoint allows more."""
REFUSED = "refused"
"""Why there is no answer where the host will not read the question: it will not read a longer one either."""
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
    """A past choice as the judge sees it; ``why`` is its verified reasoning, if there is one."""

    choice: Preference
    why: str | None = None


@dataclass(frozen=True)
class JudgeContext:
    """What the judge is shown of the person.

    Attributes:
        demonstrations: past choices, in the order shown.
        persona: what is believed about their taste.
        seed: draws which response of a past choice is shown first.
        demographics: who the person is, in words; a baseline.
        memory: facts noted about the person; a baseline.
        own_words: what the person says of themselves and of what they want.
    """

    demonstrations: tuple[FewShotExample, ...] = ()
    persona: str | None = None
    seed: int = 0
    demographics: str | None = None
    memory: str | None = None
    own_words: str | None = None

    @cached_property
    def text(self) -> str:
        """The person's part of the prompt; rendered once for all calls that share it."""
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
    """What was answered in one order.

    Attributes:
        probability: that the response named first by the caller is preferred; None if unscored.
        text: the answer as written.
        unscored: why there is no probability.
        completion: the answer with what it took; where it had to be asked twice, the tokens and cost of both.
        prompt: short hash of model, prompt and parameters, as in the answer cache.
        seconds: from asking to having it, waiting for a free place included.
    """

    probability: float | None
    text: str
    unscored: str | None
    completion: Completion
    prompt: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """Both orders of one pair, each as the probability of the response named first by the caller.

    ``probability`` is None if either order could not be read; no orders were asked of identical responses.
    """

    probability: float | None
    orders: tuple[OrderVerdict, ...]
    unscored: str | None = None

    def verdict(self) -> Verdict:
        """The public verdict, with the reasoning of the first order if one was written."""
        reasoning = reasoning_of(self.orders[0].text) if self.orders else "The two responses are identical."
        return Verdict(self.probability, reasoning, self.unscored)


def question(
    sight: JudgeContext, context: Sequence[Message], first: str, second: str, verdicts: VerdictMode
) -> list[Message]:
    """The messages that ask for one verdict in one order."""
    asked = f"{sight.text}{rendering.pair(context, first, second)}\n\n{prompts.load(f'verdict_{verdicts}')}"
    return [Message("system", prompts.load("system")), Message("user", asked)]


def wanted(verdicts: VerdictMode, priority: int = 0) -> SamplingParams:
    """How a verdict of this kind is to be answered."""
    if verdicts == "token":
        return SamplingParams(TOKEN_ANSWER, logprobs=20, priority=priority)
    return SamplingParams(REASONED_ANSWER, schema=VERDICT_SCHEMA, logprobs=5, priority=priority)


async def judge_order(
    endpoint: Endpoint,
    sight: JudgeContext,
    context: Sequence[Message],
    first: str,
    second: str,
    verdicts: VerdictMode,
    priority: int = 0,
) -> OrderVerdict:
    """Ask in the one order given. An unreadable letter is asked again with an explanation, which models that think
    before they answer can always give. What the host will not read (too long, filtered) is unscored."""
    messages, want = question(sight, context, first, second, verdicts), wanted(verdicts, priority)
    asked = await ask_order(endpoint, messages, want, read_probability)
    if asked.probability is None and asked.completion.finish_reason != REFUSED and verdicts == "token":
        again = await judge_order(endpoint, sight, context, first, second, "reasoned", priority)
        paid = both_paid(asked.completion, again.completion)
        return replace(again, completion=paid, seconds=asked.seconds + again.seconds)
    return asked


async def ask_order(
    endpoint: Endpoint, messages: Sequence[Message], want: SamplingParams, read: Callable[[Completion], float | None]
) -> OrderVerdict:
    """Ask one question about one order; ``read`` finds the probability of the first shown in the answer."""
    prompt = cache_key(endpoint.model, messages, want).hex()[:16]
    began = time.perf_counter()
    try:
        completion = await endpoint.complete(messages, want)
    except RequestRefused as error:
        refused = Completion("", finish_reason=REFUSED, cost=0.0)
        return OrderVerdict(None, "", str(error), refused, prompt, time.perf_counter() - began)
    probability = read(completion)
    unscored = None if probability is not None else why_unparsed(completion.text)
    return OrderVerdict(probability, completion.text, unscored, completion, prompt, time.perf_counter() - began)


def both_paid(first: Completion, second: Completion) -> Completion:
    """The second answer, with what the first one took as well."""
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
    sight: JudgeContext,
    context: Sequence[Message],
    a: str,
    b: str,
    verdicts: VerdictMode,
    priority: int = 0,
    *,
    staggered: bool = False,
) -> Judgement:
    """The probability that ``a`` is preferred, from both orders.

    ``staggered`` asks the second order when the first is answered: slower, but the host has then seen its prompt up to
    the responses. For work that nobody waits for.
    """
    ask = partial(judge_order, endpoint, sight, context, verdicts=verdicts, priority=priority)
    if staggered:
        return combine(await ask(a, b), await ask(b, a))
    return combine(*await gather_pair(ask(a, b), ask(b, a)))


def combine(forward: OrderVerdict, swapped: OrderVerdict) -> Judgement:
    """Both orders as one: the mean of the log-odds, in which a preference for the place shown first cancels out."""
    turned = swapped if swapped.probability is None else replace(swapped, probability=1.0 - swapped.probability)
    if forward.probability is None or turned.probability is None:
        return Judgement(None, (forward, turned), forward.unscored or turned.unscored)
    logit = (log_odds(forward.probability) + log_odds(turned.probability)) / 2
    return Judgement(1.0 / (1.0 + math.exp(-logit)), (forward, turned))


def read_probability(completion: Completion) -> float | None:
    """P(the first shown is preferred): from the answer's log-probabilities, else from its text as a vote; else None."""
    said = parse_choice(completion.text)
    if completion.tokens is not None:
        measured = choice_probability(completion.tokens)
        if measured is not None and (said is None or (said == "a") == (measured >= 0.5)):
            return measured
    if said is None:
        return None
    return VOTE if said == "a" else 1.0 - VOTE


def reasoning_of(text: str) -> str | None:
    """The explanation in a reasoned answer, in JSON or as prose; None if it is a letter alone."""
    answer = visible(text)
    record = parse_json(answer) or {}
    written = record.get("reasoning")
    if isinstance(written, str) and written.strip():
        return written.strip()
    return answer if len(answer.split()) > 3 and not record else None


def log_odds(probability: float) -> float:
    """log p/(1-p), with p kept within [0.001, 0.999]: a judge's certainty beyond that is not evidence."""
    p = min(max(probability, SMALLEST), 1.0 - SMALLEST)
    return math.log(p / (1.0 - p))


def clipped_log_loss(probability_of_chosen: float) -> float:
    """−log p of what was chosen, in nats, with p kept within [0.001, 0.999]."""
    return -math.log(min(max(probability_of_chosen, SMALLEST), 1.0 - SMALLEST))


__getattr__ = renamed(__name__, {"Shown": "FewShotExample", "Sight": "JudgeContext"})
