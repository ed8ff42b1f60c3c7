"""A language model for the rest of the package: an endpoint with cache and budget, and without duplicate requests.

A request that was sent is completed and cached even if its caller was cancelled, because it is paid for; `drain` waits
for those. A request that waits for a slot is dropped with its last caller. Two tasks with the same request share one
call, and so do two processes with one cache. An answer is on disk before its slot is released, so that a killed run
loses only the requests in flight.

Empty answers are never cached. A cut-off answer is cached with its token limit, and requested again under a larger
limit.
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
from personalrm.llm.call import Call, Immediate
from personalrm.llm.endpoint import Completion, Endpoint, ObservableEndpoint, SamplingParams
from personalrm.llm.gather import retrieve_exception
from personalrm.llm.ledger import Budget
from personalrm.llm.thoughts import visible
from personalrm.preferences import Message
from personalrm.profile.spend import Spend

FIRST_LOOK_S, LONGEST_LOOK_S = 0.02, 0.5
"""Seconds between lookups while another process sends the same request."""


class LanguageModel:
    """An Endpoint with a cache. Belongs to one event loop; after `aclose`, the next request opens it again.

    Args:
        endpoint: answers requests that are not cached.
        cache: stores answers; it must not be used elsewhere meanwhile.
        budget: counts and limits the usage of the whole run.
        prepare: awaited once before the first request.
        refresh: request cached answers again, once in the life of this object.
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
        self._sender = endpoint if isinstance(endpoint, ObservableEndpoint) else Immediate(endpoint)
        self._scope = self._sender.scope
        self._in_flight: dict[bytes, Call] = {}
        self._stopped: StorageError | None = None
        self._prepare = prepare
        self._prepared: asyncio.Task[None] | None = None
        self._is_ready = prepare is None
        self._refreshed: set[bytes] | None = set() if refresh else None

    @property
    def model(self) -> str:
        return self._endpoint.model

    @property
    def damaged(self) -> int:
        """Number of damaged rows of the cache, which were requested again."""
        return self._cache.cache.damaged

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        """Return the answer from the cache or the host. Raises EndpointError, BudgetSpent or StorageError."""
        key = self.key_of(messages, params)
        call = self._in_flight.get(key)
        if call is not None:
            return replace(await self._answer(key, call), from_cache=True)
        call = self._in_flight[key] = Call(self, key)
        call.task = asyncio.create_task(self._run(key, call, messages, params))
        return await self._answer(key, call)

    def key_of(self, messages: Sequence[Message], params: SamplingParams) -> bytes:
        """Return the cache key of the answer, for example to delete it later."""
        return row_key(self._scope, cache_key(self.model, messages, params))

    async def drain(self) -> None:
        """Wait until every call in flight is answered and cached (or has failed)."""
        await _drain(self._in_flight)

    async def aclose(self) -> None:
        """Wait for the calls in flight, then close connections and cache."""
        await self.closer()()

    def closer(self) -> Callable[[], Coroutine[Any, Any, None]]:
        """Return a function equivalent to `aclose` without a reference to this object."""
        endpoint, cache, in_flight = self._endpoint, self._cache, self._in_flight

        async def close() -> None:
            await _drain(in_flight)
            await endpoint.aclose()
            await cache.aclose()

        return close

    async def keep(self, key: bytes, completion: Completion, others_expected: bool) -> None:
        """Store an answer. StorageError if that fails; then no request is sent until there is room.

        Args:
            key, completion: the answer.
            others_expected: it may wait a few milliseconds for other answers, to be stored with them.
        """
        try:
            refreshes = self._refreshed is not None
            await self._cache.put(key, self.model, completion, replace=refreshes, others_expected=others_expected)
        except StorageError as full:
            self._stopped = full
            raise

    def check_storage(self) -> None:
        """Raise the StorageError of the last answer that could not be stored in the ordinary way."""
        if self._stopped is not None:
            raise StorageError(str(self._stopped))

    async def _answer(self, key: bytes, call: Call) -> Completion:
        """The answer; when the last waiter is cancelled, the call is dropped unless it was sent."""
        # not an `asyncio.shield` of the task, which takes three more callbacks
        answer: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        call.waiters.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if len(call.waiters) == 1 and not call.on_its_way and not call.task.done():
                self._in_flight.pop(key, None)  # at once: the next identical request starts a new call
                call.task.cancel()
            raise
        finally:
            call.waiters.remove(answer)

    async def _run(self, key: bytes, call: Call, messages: Sequence[Message], params: SamplingParams) -> None:
        """Ask, and pass the answer or the error to those who wait for it."""
        try:
            answer = await self._ask(key, call, messages, params)
        except Exception as error:
            call.fail(error)
        except BaseException:
            for waiter in call.waiters:
                waiter.cancel()
            raise
        else:
            for waiter in call.waiters:
                if not waiter.done():
                    waiter.set_result(answer)

    async def _ask(self, key: bytes, call: Call, messages: Sequence[Message], params: SamplingParams) -> Completion:
        claimed = False
        try:
            if not self._is_ready:
                await self._ready()
            claimed = True
            known = await self._look_up(key, messages, params)
            if known is not None and self._will_do(known, params):
                claimed = False
                self.ledger.from_cache += 1
                return known
            if known is not None:
                params = replace(params, cut_at=max(1, known.budget))
            if self._stopped is not None:
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
                self._cache.release_claim(key)
            call.over()
            if self._in_flight.get(key) is call:
                del self._in_flight[key]

    async def _ready(self) -> None:
        """Read the stored capabilities once; a cancelled waiter does not cancel the others."""
        assert self._prepare is not None
        if self._prepared is None or (self._prepared.done() and _failed(self._prepared)):
            self._prepared = asyncio.create_task(self._prepare())
            self._prepared.add_done_callback(retrieve_exception)
        await asyncio.shield(self._prepared)
        self._is_ready = True

    async def _look_up(self, key: bytes, messages: Sequence[Message], params: SamplingParams) -> Completion | None:
        """The cached answer; waits while another process requests it. None with ``refresh``."""
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
        """Whether a cached answer is complete, or no larger limit is allowed."""
        if known.finish_reason != "length" or (params.prefix_only and visible(known.text)):
            return bool(known.text.strip())
        return bool(known.text.strip()) and known.budget >= self._sender.limit(params)

    async def _check_room(self) -> None:
        if not await self._cache.has_room():
            self.check_storage()
        self._stopped = None


async def _drain(in_flight: dict[bytes, Call]) -> None:
    while in_flight:
        await asyncio.wait([call.task for call in in_flight.values()])


def _failed(done: asyncio.Task[Any]) -> bool:
    return done.cancelled() or done.exception() is not None


class UsageMeter:
    """An Endpoint that counts the usage of one user's fit or task within a run.

    Args:
        endpoint: the endpoint to count for.
        cached_too: count cached answers as one call each, so that the count does not depend on the cache.
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
        """Return the answer and count it."""
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
        """Return the usage so far."""
        return Spend(self.calls, self.cached, self.prompt_tokens, self.completion_tokens, self.cost)

    async def aclose(self) -> None:
        """Close the endpoint."""
        await self._endpoint.aclose()
