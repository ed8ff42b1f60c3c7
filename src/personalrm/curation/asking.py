"""One label: a question about a pair, sent to one model, and its result.

    judge = Judge(endpoint)
    label = await personalizable(judge, "responses", choice, "token", seed=0)       # P(personal preference matters)
    label = await verdict(judge, choice, "chosen", "token")               # P(the chosen one is preferred), shown first

Labels of a model that fails are unscored; the other models continue. After `PATIENCE` consecutive failures a model gets
no more requests in this run; the next run tries again, and all answers are in the cache.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from personalrm import prompts
from personalrm.errors import EndpointError
from personalrm.llm.answers import why_unparsed
from personalrm.llm.cache_rows import cache_key
from personalrm.llm.endpoint import Completion, Endpoint, SamplingParams
from personalrm.preferences import Message, Preference
from personalrm.profile.options import VerdictMode
from personalrm.renamed import renamed
from personalrm.synthesis import rendering
from personalrm.synthesis.judging import REASONED_ANSWER, TOKEN_ANSWER, JudgeContext, judge_order, read_probability

Step = Literal["query", "responses", "consensus"]
Personalizable = Literal["query", "responses"]
First = Literal["chosen", "rejected"]
PATIENCE = 20
"""Consecutive failures after which a model gets no more requests; an overloaded host drops fewer at once."""
NO_ANSWER = "the model did not answer"
ROOM_SCHEMA: dict[str, Any] = {
    "title": "room_for_taste",
    "type": "object",
    "properties": {"reasoning": {"type": "string"}, "answer": {"type": "string", "enum": ["A", "B"]}},
    "required": ["reasoning", "answer"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Label:
    """A model's label of one pair in one step.

    Attributes:
        pair: the choice's id.
        step: ``query`` and ``responses``: whether personal preference matters; ``consensus``: which response is better.
        first: which response was shown first; None if none was shown.
        probability: that personal preference matters, or that the chosen response is preferred; None if unscored.
        prompt: hash of model, prompt and parameters; empty without an answer.
        prompt_tokens, completion_tokens, cost: usage of the original request.
    """

    pair: str
    step: Step
    model: str
    first: First | None
    probability: float | None
    unscored: str | None = None
    prompt: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None


class Judge:
    """A model and its failures in this run.

    Attributes:
        answered: number of answers, readable or not.
        failure: message of its first error.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.answered = 0
        self.failure: str | None = None
        self._in_a_row = 0
        self._asked: set[asyncio.Future[Answer]] = set()

    @property
    def model(self) -> str:
        """The model's name."""
        return self.endpoint.model

    @property
    def given_up(self) -> bool:
        """Whether it gets no more requests."""
        return self._in_a_row >= PATIENCE

    async def ask(self, question: Callable[[Endpoint], Coroutine[Any, Any, Answer]]) -> Answer | None:
        """Return the answer; None if the model fails or is abandoned. Raises BudgetSpent or StorageError."""
        if self.given_up:
            return None
        asked = asyncio.create_task(question(self.endpoint))
        self._asked.add(asked)
        try:
            answer = await asked
        except EndpointError as error:
            self._failed(str(error))
            return None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.given_up or task is None or task.cancelling():
                raise
            return None
        finally:
            self._asked.discard(asked)
        self.answered += 1
        self._in_a_row = 0
        return answer

    def _failed(self, why: str) -> None:
        self.failure = self.failure or why
        self._in_a_row += 1
        if self.given_up:  # hundreds of requests may wait for a dead host, one deadline each
            for one in self._asked:
                one.cancel()


@dataclass(frozen=True, slots=True)
class Answer:
    """P(the first-named option) or the reason why it is missing, the completion and the prompt hash."""

    probability: float | None
    unscored: str | None
    completion: Completion
    prompt: str


async def personalizable(
    judge: Judge, step: Personalizable, choice: Preference, verdicts: VerdictMode, seed: int
) -> Label:
    """Return the label whether personal preference matters for the query, or for the responses.

    The order of the responses is drawn from the choice's id, never from the label.
    """
    chosen_first = choice.chosen_first(seed)
    shown = rendering.conversation(choice.context)
    if step == "responses":
        shown = rendering.pair(choice.context, *choice.shown(seed))
    answer = await judge.ask(lambda endpoint: _ask_personalizable(endpoint, step, shown, verdicts))
    first: First | None = None if step == "query" else "chosen" if chosen_first else "rejected"
    return _label(choice, step, judge, first, answer)


async def verdict(judge: Judge, choice: Preference, first: First, verdicts: VerdictMode) -> Label:
    """Return the label of the response that a judge without user information prefers, with ``first`` shown first."""
    a, b = (choice.chosen, choice.rejected) if first == "chosen" else (choice.rejected, choice.chosen)

    async def ask(endpoint: Endpoint) -> Answer:
        found = await judge_order(endpoint, JudgeContext(), choice.context, a, b, verdicts)
        chosen = found.probability
        if chosen is not None and first == "rejected":
            chosen = 1.0 - chosen
        return Answer(chosen, found.unscored, found.completion, found.prompt)

    return _label(choice, "consensus", judge, first, await judge.ask(ask))


def prompt_hashes(verdicts: VerdictMode) -> dict[str, str]:
    """Return the hashes of all prompts used, including that of the second request after an unreadable letter."""
    names = {"system", "personalizable_system", "personalizable_query", "personalizable_responses"}
    for kind in {verdicts, "reasoned"}:
        names |= {f"verdict_{kind}", f"personalizable_{kind}"}
    return {name: value for name, value in prompts.hashes().items() if name in names}


async def _ask_personalizable(endpoint: Endpoint, step: Personalizable, shown: str, verdicts: VerdictMode) -> Answer:
    asked = f"{shown}\n\n{prompts.load(f'personalizable_{step}')} {prompts.load(f'personalizable_{verdicts}')}"
    messages = [Message("system", prompts.load("personalizable_system")), Message("user", asked)]
    params = SamplingParams(TOKEN_ANSWER, logprobs=20)
    if verdicts == "reasoned":
        params = SamplingParams(REASONED_ANSWER, schema=ROOM_SCHEMA, logprobs=5)
    completion = await endpoint.complete(messages, params)
    probability = read_probability(completion)
    if probability is None and verdicts == "token":
        return await _ask_personalizable(endpoint, step, shown, "reasoned")
    unscored = None if probability is not None else why_unparsed(completion.text)
    return Answer(probability, unscored, completion, cache_key(endpoint.model, messages, params).hex()[:16])


def _label(choice: Preference, step: Step, judge: Judge, first: First | None, answer: Answer | None) -> Label:
    if answer is None:
        return Label(choice.id, step, judge.model, first, None, NO_ANSWER)
    took = answer.completion
    return Label(
        choice.id,
        step,
        judge.model,
        first,
        answer.probability,
        answer.unscored,
        answer.prompt,
        took.prompt_tokens,
        took.completion_tokens,
        took.cost,
    )


__getattr__ = renamed(__name__, {"room": "personalizable"})
