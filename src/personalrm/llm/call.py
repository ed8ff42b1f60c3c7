"""One call of a `LanguageModel`: the tasks that wait for it, the state of its requests, its part of the budget.

call = Call(model, key)
completion = call.total(await endpoint.send(messages, params, call))        # an endpoint reports its events to the call
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from personalrm.llm.endpoint import Completion, Endpoint, RequestObserver, SamplingParams
from personalrm.llm.ledger import Budget
from personalrm.llm.thoughts import visible
from personalrm.preferences import Message

MANY_IN_FLIGHT = 8
"""Requests in flight from which an answer waits for others before it is stored; with fewer, the next stage of one
person's fit probably waits for it."""


class CallOwner(Protocol):
    """What a call needs of its language model."""

    ledger: Budget

    def check_storage(self) -> None:
        """Raise StorageError if answers cannot be stored."""
        ...

    async def keep(self, key: bytes, completion: Completion, others_expected: bool) -> None:
        """Store an answer; see `LanguageModel.keep`."""
        ...


class Call:
    """A call in progress: its waiting tasks, the state of its request, and its reservation in the budget."""

    task: asyncio.Task[None]

    def __init__(self, model: CallOwner, key: bytes) -> None:
        self._model, self._key = model, key
        self._reserved: float | None = None
        self._paid: list[Completion] = []
        self.waiters: list[asyncio.Future[Completion]] = []
        self.on_its_way = self.kept = False

    def fail(self, error: Exception) -> None:
        """Pass an error to those who wait; without any it is dropped."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # seen: a waiter that is cancelled now will not retrieve it

    def on_send(self, prompt_characters: int, max_tokens: int) -> None:
        """The request is about to be sent; counted once per paid answer. StorageError if answers cannot be stored."""
        self._model.check_storage()
        if self._reserved is None:
            budget = self._model.ledger
            most = 0.0 if budget.prices is None else budget.prices.most(prompt_characters, max_tokens)
            budget.reserve(most)
            self._reserved = most
        self.on_its_way = True

    async def answered(self, answer: Completion) -> None:
        """Book the answer, and store it unless it is empty."""
        budget = self._model.ledger
        cost = budget.price(answer)
        paid = answer if cost == answer.cost and not answer.thoughts else replace(answer, cost=cost, thoughts="")
        budget.record(paid, self._reserved or 0.0)
        self._reserved = None
        self._paid.append(paid)
        if visible(paid.text):
            many = budget.in_flight >= MANY_IN_FLIGHT
            await self._model.keep(self._key, paid, many)
            self.kept = True

    def failed(self) -> None:
        """The request got no answer; it is repeated only if a task still waits."""
        self.on_its_way = False
        if not self.waiters:
            raise asyncio.CancelledError

    def total(self, last: Completion) -> Completion:
        """Return the last answer with the usage of all requests."""
        if len(self._paid) < 2:
            return self._paid[0] if self._paid else last
        costs = [one.cost for one in self._paid]
        return replace(
            self._paid[-1],
            prompt_tokens=sum(one.prompt_tokens for one in self._paid),
            completion_tokens=sum(one.completion_tokens for one in self._paid),
            cached_tokens=sum(one.cached_tokens for one in self._paid),
            cost=None if None in costs else sum(one or 0.0 for one in costs),
            asked=len(self._paid),
        )

    def over(self) -> None:
        """The call ended; release a reservation that is still held."""
        if self._reserved is not None:
            self._model.ledger.failed(self._reserved)


class Immediate:
    """An Endpoint without events: a request counts as sent when it is made."""

    scope = ""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def limit(self, params: SamplingParams) -> int:
        return params.max_tokens

    async def send(self, messages: Sequence[Message], params: SamplingParams, observer: RequestObserver) -> Completion:
        observer.on_send(sum(len(one.content) for one in messages), params.max_tokens)
        completion = replace(await self._endpoint.complete(messages, params), budget=params.max_tokens)
        await observer.answered(completion)
        return completion
