"""One model as the rest of the package uses it: an endpoint with its cache, its budget, and nothing asked twice.

A request that is sent is finished and kept even if nobody waits for its answer any more, because it is paid for;
`drain` waits for those. One that still waits for its place is dropped with the last caller who wanted it. Two tasks
that ask the same question at the same time share one call, and so do two processes on one cache. An answer is on the
disk before its place at the host goes to the next request, so that a killed run loses only what is on the wire.

An empty answer is never kept. One that was cut off is kept with the budget that cut it, and asked again when more is
allowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from personalrm.errors import RequestRefused, StorageError
from personalrm.llm.cache import AnswerCache, Found
from personalrm.llm.cache_rows import cache_key, keys_before_0_2, row_key
from personalrm.llm.cache_thread import CacheThread
from personalrm.llm.endpoint import Completion, Endpoint, ObservableEndpoint, RequestObserver, SamplingParams
from personalrm.llm.gather import look_at
from personalrm.llm.ledger import Budget
from personalrm.llm.thoughts import visible
from personalrm.preferences import Message
from personalrm.profile.spend import Spend

FIRST_LOOK_S, LONGEST_LOOK_S = 0.02, 0.5
"""How often to look whether another process has its answer."""


class LanguageModel:
    """An Endpoint that remembers. Belongs to one event loop; after `aclose` it opens again when it is asked.

    Args:
        endpoint: what is asked when the cache does not know.
        cache: where answers are kept; nobody else may use the object meanwhile.
        budget: counts and limits the spending of the whole run.
        prepare: awaited once before the first question.
        refresh: ask again what is known, once in the life of this object.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        cache: AnswerCache | CacheThread,
        budget: Budget,
        *,
        prepare: Callable[[], Coroutine[Any, Any, None]] | None = None,
        refresh: bool = False,
    ) -> None:
        self._endpoint, self.ledger = endpoint, budget
        self._cache = cache if isinstance(cache, CacheThread) else CacheThread(cache)
        self._sender = endpoint if isinstance(endpoint, ObservableEndpoint) else _Immediate(endpoint)
        self._scope = self._sender.scope
        self._in_flight: dict[bytes, _Call] = {}
        self._stopped: StorageError | None = None
        self._prepare = prepare
        self._prepared: asyncio.Task[None] | None = None
        self._refreshed: set[bytes] | None = set() if refresh else None

    @property
    def model(self) -> str:
        return self._endpoint.model

    @property
    def damaged(self) -> int:
        """Rows of the cache that were no answer, and were asked again."""
        return self._cache.cache.damaged

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        """Answer from the cache or the host. Raises EndpointError, BudgetSpent or StorageError."""
        key = self.key_of(messages, params)
        call = self._in_flight.get(key)
        if call is not None:
            return replace(await self._answer(key, call), from_cache=True)
        call = self._in_flight[key] = _Call(self, key, params)
        call.task = asyncio.create_task(self._ask(key, call, messages, params))
        # nobody may be left to look at the error of an abandoned call
        call.task.add_done_callback(look_at)
        return await self._answer(key, call)

    def key_of(self, messages: Sequence[Message], params: SamplingParams) -> bytes:
        """The key under which the answer is kept: whoever notes it can have the answer taken out again."""
        return row_key(self._scope, cache_key(self.model, messages, params))

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
            await cache.aclose()

        return close

    async def keep(self, key: bytes, completion: Completion) -> None:
        """Put an answer on the disk. StorageError if that fails; nothing more is asked then until there is room."""
        try:
            await self._cache.put(key, self.model, completion, replace=self._refreshed is not None)
        except StorageError as full:
            self._stopped = full
            raise

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

    async def _ask(self, key: bytes, call: _Call, messages: Sequence[Message], params: SamplingParams) -> Completion:
        claimed = False
        try:
            await self._ready()
            claimed = True
            known = await self._look_up(key, messages, params)
            if known is not None and self._will_do(known, params):
                claimed = False
                self.ledger.from_cache += 1
                return known
            if known is not None:
                params = replace(params, cut_at=max(1, known.budget))
            await self._check_room()
            completion = await self._sender.send(messages, params, call)
            claimed = not call.kept
            self.ledger.cut += completion.finish_reason == "length" and not params.prefix_only
            return call.total(completion)
        except RequestRefused:
            self.ledger.refused += 1
            raise
        finally:
            if claimed:
                self._cache.give_back(key)
            call.over()
            if self._in_flight.get(key) is call:
                del self._in_flight[key]

    async def _ready(self) -> None:
        """What is known of the host is read once; whoever stops waiting for it does not stop the others."""
        if self._prepare is not None:
            if self._prepared is None or (self._prepared.done() and _failed(self._prepared)):
                self._prepared = asyncio.create_task(self._prepare())
                self._prepared.add_done_callback(look_at)
            await asyncio.shield(self._prepared)

    async def _look_up(self, key: bytes, messages: Sequence[Message], params: SamplingParams) -> Completion | None:
        """What the cache knows; waits while another process is asking. Nothing where everything is asked anew."""
        if self._refreshed is not None and key not in self._refreshed:
            self._refreshed.add(key)
            return None
        pause = FIRST_LOOK_S
        older = partial(keys_before_0_2, self.model, messages, params)
        while True:
            found = await self._cache.look_up(key, older)
            if isinstance(found, Completion):
                return found
            if found is Found.NOTHING:
                return None
            await asyncio.sleep(pause)
            pause = min(LONGEST_LOOK_S, 1.5 * pause)

    def _will_do(self, known: Completion, params: SamplingParams) -> bool:
        """Whether a kept answer is whole, or nothing longer is to be had."""
        if known.finish_reason != "length" or (params.prefix_only and visible(known.text)):
            return bool(known.text.strip())
        return bool(known.text.strip()) and known.budget >= self._sender.limit(params)

    async def _check_room(self) -> None:
        if self._stopped is not None:
            if not await self._cache.has_room():
                raise StorageError(str(self._stopped))
            self._stopped = None


class _Immediate:
    """An Endpoint that does not say when it sends: taken to do so when it is asked."""

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


class _Call:
    """A question that is asked: how many tasks wait for it, where its request is, and what it holds in the budget."""

    task: asyncio.Task[Completion]

    def __init__(self, model: LanguageModel, key: bytes, params: SamplingParams) -> None:
        self._model, self._key, self._want = model, key, params
        self._reserved: float | None = None
        self._paid: list[Completion] = []
        self.waiting = 0
        self.on_its_way = self.kept = False

    def on_send(self, prompt_characters: int, max_tokens: int) -> None:
        """Sent; counted once for each answer that is paid for."""
        if self._reserved is None:
            budget = self._model.ledger
            most = 0.0 if budget.prices is None else budget.prices.most(prompt_characters, max_tokens)
            budget.reserve(most)
            self._reserved = most
        self.on_its_way = True

    async def answered(self, answer: Completion) -> None:
        """Booked, whatever becomes of the answer, and kept unless it is empty."""
        budget = self._model.ledger
        paid = replace(answer, cost=budget.price(answer), thoughts="")
        budget.record(paid, self._reserved or 0.0)
        self._reserved = None
        self._paid.append(paid)
        if visible(paid.text):
            await self._model.keep(self._key, paid)
            self.kept = True

    def failed(self) -> None:
        """Back without an answer: sent again only if somebody still waits."""
        self.on_its_way = False
        if not self.waiting:
            raise asyncio.CancelledError

    def total(self, last: Completion) -> Completion:
        """The last answer with what all of them took."""
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
        """Ended; without an answer if it still holds something in the budget."""
        if self._reserved is not None:
            self._model.ledger.failed(self._reserved)


async def _drain(in_flight: dict[bytes, _Call]) -> None:
    while in_flight:
        await asyncio.wait([call.task for call in in_flight.values()])


def _failed(done: asyncio.Task[Any]) -> bool:
    return done.cancelled() or done.exception() is not None


class UsageMeter:
    """An Endpoint that counts what passes through it: the spending of one person's fit or task within a run.

    Args:
        endpoint: who is asked.
        cached_too: also count answers that were known already, as one call each: what the work takes, whatever
            happens to be in the cache.
    """

    def __init__(self, endpoint: Endpoint, *, cached_too: bool = False) -> None:
        self._endpoint, self._cached_too = endpoint, cached_too
        self.calls = self.cached = self.prompt_tokens = self.completion_tokens = 0
        self.refused = self.cut = 0
        self.cost: float | None = 0.0

    @property
    def model(self) -> str:
        return self._endpoint.model

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        """Ask and count."""
        try:
            completion = await self._endpoint.complete(messages, params)
        except RequestRefused:
            self.refused += 1
            raise
        if completion.finish_reason == "length" and not params.prefix_only:
            self.cut += 1
        if completion.from_cache and not self._cached_too:
            self.cached += 1
            return completion
        self.calls += 1 if self._cached_too else completion.asked
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
