"""Calls to a language model on behalf of one person: within the space's budget, and recorded so that erasing works.

Every cached answer is derived from a person's texts. Its cache key is written to the store before the request is
sent. If the service dies in between, an erasure looks up an answer that does not exist, which is harmless.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

from personalrm.client import Client
from personalrm.errors import BudgetSpent, StoreConflict
from personalrm.llm import background_loop
from personalrm.llm.cache_location import default_cache
from personalrm.llm.connect import EndpointOptions, shared
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.llm.forgetting import forget_answers
from personalrm.llm.language_model import LanguageModel
from personalrm.models.registry import ALONE, DEFAULT, asked_model, is_local
from personalrm.preferences import Message
from personalrm.profile.spend import Spend
from personalrm.recently_used import RecentlyUsed
from personalrm.service.config import ServiceConfig
from personalrm.store.people import PersonState
from personalrm.store.spending import Spent
from personalrm.store.store import SpaceStore, Store

_NOTED = 20_000


class Meter:
    """Spending of a space in this month, checked against its budget. Thread-safe."""

    def __init__(self, store: Store, space: SpaceStore) -> None:
        self._store, self._space = store, space
        self._lock = threading.Lock()
        self._in_flight = 0

    def reserve(self) -> None:
        """Count a call that is about to be sent. BudgetSpent if it would exceed the budget."""
        budget = self._store.settings(self._space)
        with self._lock:  # a call is counted as in flight until it is booked, and never as neither
            spent = self._space.spending.this_month()
            if budget.max_calls is not None and spent.calls + self._in_flight >= budget.max_calls:
                raise BudgetSpent(f"this month's {budget.max_calls} calls of the space '{self._space.name}' are used")
            if budget.max_cost is not None and spent.cost >= budget.max_cost:
                raise BudgetSpent(f"this month's ${budget.max_cost:g} of the space '{self._space.name}' are spent")
            self._in_flight += 1

    def book(self, completion: Completion | None) -> None:
        """Record the end of a call; None if it returned no answer."""
        with self._lock:
            self._in_flight -= 1
            if completion is not None and not completion.from_cache:
                tokens = completion.prompt_tokens, completion.completion_tokens
                self._space.spending.book(Spend(completion.asked, 0, *tokens, completion.cost))

    def spent(self) -> Spent:
        """Spend of this month."""
        return self._space.spending.this_month()


class PersonEndpoint:
    """An `Endpoint` that sends one person's requests.

    Args:
        endpoint: sends the requests.
        meter: counts the space's spend.
        note: records the cache key of an answer that will be cached.
        check: called with the key of an answer that was cached; removes it if the person was erased meanwhile.
    """

    def __init__(
        self, endpoint: LanguageModel, meter: Meter, note: Callable[[bytes], None], check: Callable[[bytes], None]
    ) -> None:
        self._endpoint, self._meter, self._note, self._check = endpoint, meter, note, check
        self._noted = RecentlyUsed[bytes, None](_NOTED)

    @property
    def model(self) -> str:
        return self._endpoint.model

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        """Send a request. Also raises BudgetSpent, and StoreConflict if the person was erased meanwhile."""
        key = self._endpoint.key_of(messages, params)
        if key not in self._noted:
            await asyncio.to_thread(self._note, key)
            self._noted.keep(key, None)
        await asyncio.to_thread(self._meter.reserve)
        completion = None
        try:
            completion = await self._endpoint.complete(messages, params)
        finally:
            await asyncio.to_thread(self._meter.book, completion)
        if not completion.from_cache:
            await asyncio.to_thread(self._check, key)
        return completion

    async def aclose(self) -> None:
        """Do nothing: the connection is shared and stays open."""


class Clients:
    """Clients for people: one shared client for local engines, one per person for a model at an endpoint."""

    def __init__(self, store: Store, config: ServiceConfig) -> None:
        self.model = (config.model or DEFAULT).removeprefix(ALONE)  # the service uses language models without fusion
        self.is_local = is_local(self.model)
        self._store = store
        self._options = EndpointOptions(config.base_url, None, config.cache)
        self._cache = config.cache or default_cache()
        self._local = Client(self.model if self.is_local else None, opened=1)
        self._connection: LanguageModel | None = None
        self._meters: dict[int, Meter] = {}
        self._lock = threading.Lock()
        if not self.is_local:
            self._options.resolved()  # raises now instead of at the first request

    def of(self, space: SpaceStore, person: PersonState) -> Client:
        """The client that fits and predicts for this person."""
        if self.is_local:
            return self._local

        return Client(self.model, endpoint=self.endpoint_of(space, person), opened=1)

    def endpoint_of(self, space: SpaceStore, person: PersonState) -> PersonEndpoint:
        """The model at the endpoint, for requests with this person's texts."""

        def note(key: bytes) -> None:
            space.people.keep_answer(person.id, key)

        def check(key: bytes) -> None:
            if space.people.by_id(person.id) is None:
                forget_answers(str(self._cache), [key])  # the erasure has looked for it before it was there
                raise StoreConflict("the person was erased while the model was asked")

        return PersonEndpoint(self._connected(), self.meter(space), note, check)

    def meter(self, space: SpaceStore) -> Meter:
        """The meter of a space's spend."""
        with self._lock:
            return self._meters.setdefault(space.id, Meter(self._store, space))

    def close(self) -> None:
        """Wait for pending requests, then close."""
        self._local.close()
        if self._connection is not None:
            background_loop.run(self._connection.drain())

    def _connected(self) -> LanguageModel:
        with self._lock:
            if self._connection is None:
                self._connection = background_loop.run(self._connect())
            return self._connection

    async def _connect(self) -> LanguageModel:
        return shared(asked_model(self.model), self._options)
