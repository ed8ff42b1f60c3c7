"""One model as the rest of the package uses it: an endpoint with its cache, its budget, and nothing asked twice.

A request that is sent is finished and kept even if nobody waits for its answer any more, because it is paid for;
`drain` waits for those. One that still waits for its place is dropped with the last caller who wanted it. Two tasks
that ask the same question at the same time share one call. An answer is stored in the very step of the event loop that
parses it, so that a killed run loses only what is still on the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from personalrm.errors import StorageError
from personalrm.llm.cache import AnswerCache, cache_key
from personalrm.llm.endpoint import Completion, Endpoint, ObservableEndpoint, RequestObserver, SamplingParams
from personalrm.llm.ledger import Budget
from personalrm.preferences import Message
from personalrm.profile.spend import Spend


class LanguageModel:
    """An Endpoint that remembers. Belongs to one event loop; after `aclose` it opens again when it is asked.

    Args:
        endpoint: what is asked when the cache does not know.
        cache: where answers are kept.
        ledger: counts and limits the spending of the whole run.
    """

    def __init__(self, endpoint: Endpoint, cache: AnswerCache, ledger: Budget) -> None:
        self._endpoint, self._cache, self.ledger = endpoint, cache, ledger
        self._sender = endpoint if isinstance(endpoint, ObservableEndpoint) else _Immediate(endpoint)
        self._in_flight: dict[bytes, _Call] = {}
        self._stopped: StorageError | None = None

    @property
    def model(self) -> str:
        return self._endpoint.model

    async def complete(self, messages: Sequence[Message], want: SamplingParams) -> Completion:
        """Answer from the cache or the host. Raises EndpointError, BudgetSpent or StorageError."""
        key = cache_key(self.model, messages, want)
        call = self._in_flight.get(key)
        if call is not None:
            return replace(await self._answer(key, call), from_cache=True)
        known = self._cache.get(key)
        if known is not None:
            self.ledger.from_cache += 1
            return known
        if self._stopped is not None:
            if not self._cache.has_room():
                raise StorageError(str(self._stopped))
            self._stopped = None
        call = self._in_flight[key] = _Call(self.ledger, want)
        call.task = asyncio.create_task(self._ask(key, call, messages, want))
        # nobody may be left to look at the error of an abandoned call
        call.task.add_done_callback(_look_at)
        return await self._answer(key, call)

    async def drain(self) -> None:
        """Wait until every call on its way is answered and kept (or has failed)."""
        await _drain(self._in_flight)

    async def aclose(self) -> None:
        """Wait for the calls on their way, then close connections and cache."""
        await self.closer()()

    def closer(self) -> Callable[[], Coroutine[Any, Any, None]]:
        """What `aclose` does, holding no reference to this object."""
        endpoint, cache, in_flight = self._endpoint, self._cache, self._in_flight

        async def close() -> None:
            await _drain(in_flight)
            await endpoint.aclose()
            cache.close()

        return close

    async def _answer(self, key: bytes, call: _Call) -> Completion:
        """The answer; when the last one who waits gives up, the call is dropped unless it is on its way."""
        call.waiting += 1
        try:
            return await asyncio.shield(call.task)
        except asyncio.CancelledError:
            if call.waiting == 1 and not call.on_its_way and not call.task.done():
                self._in_flight.pop(key, None)  # at once: whoever asks the same next starts anew
                call.task.cancel()
            raise
        finally:
            call.waiting -= 1

    async def _ask(self, key: bytes, call: _Call, messages: Sequence[Message], want: SamplingParams) -> Completion:
        try:
            completion = await self._sender.send(messages, want, call)
            completion = replace(completion, cost=self.ledger.price(completion))
            call.answered(completion)
            self._keep(key, completion)
            return completion
        finally:
            call.over()
            if self._in_flight.get(key) is call:
                del self._in_flight[key]

    def _keep(self, key: bytes, completion: Completion) -> None:
        try:
            self._cache.put(key, self.model, completion)
        except StorageError as full:
            self._stopped = full
            raise


class _Immediate:
    """An Endpoint that does not say when it sends: taken to do so when it is asked."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def send(self, messages: Sequence[Message], want: SamplingParams, flight: RequestObserver) -> Completion:
        flight.on_send(sum(len(one.content) for one in messages))
        return await self._endpoint.complete(messages, want)


class _Call:
    """A question that is asked: how many tasks wait for it, where its request is, and what it holds in the ledger."""

    task: asyncio.Task[Completion]

    def __init__(self, ledger: Budget, want: SamplingParams) -> None:
        self._ledger, self._max_tokens = ledger, want.max_tokens
        self._reserved: float | None = None
        self.waiting = 0
        self.on_its_way = False

    def on_send(self, prompt_characters: int) -> None:
        """Sent; counted the first time."""
        if self._reserved is None:
            prices = self._ledger.prices
            most = 0.0 if prices is None else prices.most(prompt_characters, self._max_tokens)
            self._ledger.reserve(most)
            self._reserved = most
        self.on_its_way = True

    def failed(self) -> None:
        """Back without an answer: sent again only if somebody still waits."""
        self.on_its_way = False
        if not self.waiting:
            raise asyncio.CancelledError

    def answered(self, completion: Completion) -> None:
        """Booked, whatever becomes of the answer."""
        self._ledger.record(completion, self._reserved or 0.0)
        self._reserved = None

    def over(self) -> None:
        """Ended; without an answer if it still holds something in the ledger."""
        if self._reserved is not None:
            self._ledger.failed(self._reserved)


async def _drain(in_flight: dict[bytes, _Call]) -> None:
    while in_flight:
        await asyncio.wait([call.task for call in in_flight.values()])


def _look_at(done: asyncio.Task[Completion]) -> None:
    if not done.cancelled():
        done.exception()


class UsageMeter:
    """An Endpoint that counts what passes through it: the spending of one person's fit within a run."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.calls = self.cached = self.prompt_tokens = self.completion_tokens = 0
        self.cost: float | None = 0.0

    @property
    def model(self) -> str:
        return self._endpoint.model

    async def complete(self, messages: Sequence[Message], want: SamplingParams) -> Completion:
        """Ask and count."""
        completion = await self._endpoint.complete(messages, want)
        if completion.from_cache:
            self.cached += 1
            return completion
        self.calls += 1
        self.prompt_tokens += completion.prompt_tokens
        self.completion_tokens += completion.completion_tokens
        if completion.cost is None or self.cost is None:
            self.cost = None
        else:
            self.cost += completion.cost
        return completion

    def spend(self) -> Spend:
        """What passed so far."""
        return Spend(self.calls, self.cached, self.prompt_tokens, self.completion_tokens, self.cost)

    async def aclose(self) -> None:
        """Close what it counts for."""
        await self._endpoint.aclose()
