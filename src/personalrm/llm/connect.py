"""From settings to a connected language model.

The users of one run share one connection: `shared` returns the same scheduler, cache and budget for the same settings
as long as one is in use, so that fifty concurrent fits respect one limit of requests in flight.

    llm = shared("gpt-4o-mini", EndpointOptions(max_calls=100))        # in the background loop
    completion = await llm.complete([Message("user", "Hello")], SamplingParams(max_tokens=20))
"""

from __future__ import annotations

import math
import os
import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalrm.errors import DataError
from personalrm.llm import background_loop
from personalrm.llm.cache_location import default_cache, open_cache
from personalrm.llm.host import DEFAULT_URL, MAX_BODY, Host
from personalrm.llm.ledger import Budget, Prices
from personalrm.renamed import renamed

if TYPE_CHECKING:
    from personalrm.llm.capabilities import Capabilities
    from personalrm.llm.language_model import LanguageModel
    from personalrm.llm.scheduler import Scheduler

LEARNED_FOR_S = 7 * 86400.0
"""Lifetime of stored capabilities: a week, because servers are updated."""


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """How a run sends requests.

    Attributes:
        base_url: an OpenAI-compatible URL; None takes OPENAI_BASE_URL, else OpenAI's.
        api_key: None takes OPENAI_API_KEY.
        cache: the file of answers, or the URL of a PostgreSQL database; None takes `default_cache`.
        concurrency: maximum requests in flight over the whole run.
        max_calls, max_cost: limits of the run; ``max_cost`` in US dollars needs ``prices``.
        timeout: seconds that an answer of a fast host may take; it grows with the measured latency of the host.
        max_tokens: maximum new tokens of one answer, reasoning included; None lets it grow to 16,384 after cut-off
            answers.
        reasoning_effort: ``low``, ``medium``, ``high`` or another value of the host; None sends none.
        refresh: request cached answers again and store the new ones.
        max_body: maximum bytes of one answer after decompression.
    """

    base_url: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    cache: str | Path | None = field(default=None, repr=False)
    concurrency: int = 64
    max_calls: int | None = None
    max_cost: float | None = None
    prices: Prices | None = None
    timeout: float = 120.0
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    refresh: bool = False
    max_body: int = MAX_BODY

    def resolved(self) -> EndpointOptions:
        """Return the options completed from the environment. DataError if they are not usable or a limit is invalid."""
        self._check_limits()
        host = Host.from_environment(self.base_url, self.api_key)
        if host.api_key is None and host.base_url == DEFAULT_URL:
            raise DataError(
                "no endpoint: set OPENAI_API_KEY, or give --base-url (OPENAI_BASE_URL) of a local server; "
                "--model traits needs neither"
            )
        if self.max_cost is not None and self.prices is None:
            raise DataError("--max-cost needs the model's prices: give --prices IN,OUT (dollars per million tokens)")
        return replace(self, base_url=host.base_url, api_key=host.api_key, cache=str(self.cache or default_cache()))

    def _check_limits(self) -> None:
        """Reject invalid limits; a NaN compares false with everything and would disable a limit silently."""
        if self.concurrency < 1:
            raise DataError(f"--concurrency: expected at least 1, found {self.concurrency}")
        if not 0.0 < self.timeout < math.inf:
            raise DataError(f"timeout: expected seconds above 0, found {self.timeout}")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise DataError(f"--max-tokens: expected at least 1, found {self.max_tokens}")
        for name, limit in (("--max-calls", self.max_calls), ("--max-cost", self.max_cost)):
            if limit is not None and not limit >= 0:
                raise DataError(f"{name}: expected a number from 0 on, found {limit}")


def connect(
    model: str, settings: EndpointOptions, scheduler: Scheduler | None = None, budget: Budget | None = None
) -> LanguageModel:
    """Return a language model with cache and connection prepared; nothing is opened or sent yet.

    Args:
        scheduler, budget: shared with other models; None creates new ones from the settings.

    Raises:
        DataError: invalid options.
    """
    # importing aiohttp takes 0.2 s, which `traits` does not need
    from personalrm.llm.cache_thread import CacheThread
    from personalrm.llm.language_model import LanguageModel
    from personalrm.llm.letter_scoring import PREFIX, LetterScoring
    from personalrm.llm.openai import OpenAIEndpoint
    from personalrm.llm.scheduler import Scheduler

    if "://" in model:  # it would be recorded, with a password in it
        raise DataError("a model's name holds a URL: give it as --base-url or OPENAI_BASE_URL")
    settings = settings.resolved()
    host = Host.from_environment(settings.base_url, settings.api_key, settings.timeout, settings.max_body)
    cache = CacheThread(open_cache(settings.cache or default_cache()))
    fact = "host:" + blake2b(f"{host.chat_url}\0{model}".encode(), digest_size=12).hexdigest()

    def learned(capabilities: Capabilities) -> None:
        cache.keep_fact(fact, {**capabilities.to_json(), "learned": time.time()})

    scores = model.startswith(PREFIX)
    endpoint = (LetterScoring if scores else OpenAIEndpoint)(
        model.removeprefix(PREFIX),
        host,
        scheduler or Scheduler(settings.concurrency),
        learned=learned,
        max_tokens=settings.max_tokens,
        effort=settings.reasoning_effort,
    )

    async def recall() -> None:
        known = _capabilities(await cache.fact(fact))
        if known is not None:
            endpoint.recall(known)

    budget = budget or Budget(settings.prices, settings.max_calls, settings.max_cost)
    return LanguageModel(endpoint, cache, budget, prepare=recall, refresh=settings.refresh)


def _capabilities(record: Any) -> Capabilities | None:
    from personalrm.llm.capabilities import Capabilities

    when = record.get("learned") if isinstance(record, dict) else None
    if not isinstance(when, int | float) or not abs(time.time() - when) <= LEARNED_FOR_S:
        return None
    return Capabilities.from_json(record)


def shared(model: str, settings: EndpointOptions) -> LanguageModel:
    """Return the open connection for this model and these settings, else a new one.

    Call it in the background loop, which owns the connection. It is closed once it is unreferenced.
    """
    key = (model, settings.resolved())
    found = _open.get(key)
    if found is None:
        found = _open[key] = connect(model, settings)
        background_loop.close_after(found, found.closer())
    return found


def shared_models(names: Iterable[str], settings: EndpointOptions) -> list[LanguageModel]:
    """Return `shared` for several models, each NAME, or NAME@URL for a model with its own host; limits apply to each
    model.

    Raises:
        DataError: a model is named twice, or as `EndpointOptions.resolved`.
    """
    found = []
    for one in names:
        name, _, url = one.partition("@http")
        found.append(shared(name, replace(settings, base_url=f"http{url}") if url else settings))
    if len({one.model for one in found}) < len(found):
        raise DataError("name each model once: results are identified by the model's name")
    return found


_open: weakref.WeakValueDictionary[tuple[str, EndpointOptions], LanguageModel] = weakref.WeakValueDictionary()

if hasattr(os, "register_at_fork"):  # connections belong to the process that opened them
    os.register_at_fork(after_in_child=_open.clear)


__getattr__ = renamed(__name__, {"Settings": "EndpointOptions"})
