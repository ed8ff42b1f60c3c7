"""OpenAI-compatible chat hosts: OpenAI, Azure, vLLM, Ollama, llama.cpp, gateways.

The most performance-critical module, hence one lean client over aiohttp (`http_client`, `transport`). A request that a
host refuses because of a feature is sent again without it. `embeddings` is the counterpart for vectors.

Before the first answer, one request determines the host's capabilities (`capabilities`); the others wait for it, but
not longer than `PATIENCE_S`: a refusal comes at once, so a host that takes longer has accepted the parameters. A wrong
key also costs one request only.

An answer that is cut off before any visible text (a reasoning model) is requested again with a larger limit, which is
remembered; one that is cut off later is requested again once, with four times the limit.

    endpoint = OpenAIEndpoint("gpt-4o-mini", Host.from_environment(), Scheduler(64))
    completion = await endpoint.complete([Message("user", "Hello")], SamplingParams(max_tokens=20))
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import orjson

from personalrm.errors import RequestRefused
from personalrm.llm.capabilities import Capabilities
from personalrm.llm.endpoint import NULL_OBSERVER, Completion, RequestObserver, SamplingParams
from personalrm.llm.host import DEFAULT_URL, Host
from personalrm.llm.http_client import HttpClient
from personalrm.llm.meanings import is_filtered
from personalrm.llm.prompt_length import PromptLengths
from personalrm.llm.scheduler import Scheduler
from personalrm.llm.thoughts import visible
from personalrm.llm.transport import BadRequest
from personalrm.llm.wire import alternating, fold_system, read_completion
from personalrm.preferences import Message

__all__ = ["DEFAULT_URL", "Host", "OpenAIEndpoint"]

PATIENCE_S = 5.0
GATHER_S = 0.005
CEILING = 16_384
"""Default maximum of new tokens of one answer, including reasoning."""
FIRST_ROOM = 2_048
"""Tokens added for reasoning after an answer was cut off before its text; four times as many the next time."""
GROWTH = 4
STOPS = ("<pair>", "<past_choice", "<conversation>")
"""Stop sequences: tags of our prompts, which a model writes if it continues the prompt instead of answering."""


class OpenAIEndpoint:
    """One model at one host. Belongs to one event loop.

    Args:
        model: the model's name at the host.
        host: URL and key.
        scheduler: bounds the requests in flight; share it between all endpoints of a run.
        capabilities: capabilities known from earlier runs.
        learned: called with the capabilities whenever they change.
        max_tokens: maximum new tokens of one answer, including reasoning; None uses `CEILING`.
        effort: reasoning effort (``low``, ``medium``, ``high``, or another value of the host).
    """

    def __init__(
        self,
        model: str,
        host: Host,
        scheduler: Scheduler,
        capabilities: Capabilities | None = None,
        learned: Callable[[Capabilities], None] = lambda _: None,
        *,
        max_tokens: int | None = None,
        effort: str | None = None,
    ) -> None:
        self._model, self._host, self._scheduler = model, host, scheduler
        self.capabilities = capabilities or Capabilities()
        self._learned = learned
        self._max_tokens, self._effort = max_tokens, effort
        self._client = HttpClient(model, host, host.chat_url, scheduler, read_completion)
        self._probe: asyncio.Future[None] | None = None
        self.prompts = PromptLengths()

    @property
    def model(self) -> str:
        return self._model

    @property
    def scope(self) -> str:
        """Identifier of this host in cache keys: its URL without query, user and password."""
        return self._host.scope

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        await self._client.aclose()

    def recall(self, capabilities: Capabilities) -> None:
        """Set the capabilities known from earlier runs; call it before the first request."""
        self.capabilities = capabilities
        if capabilities.slow:
            self._scheduler.start_slowly()

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        """Return the answer.

        Raises:
            RequestRefused: this request is at fault.
            EndpointRefused: all requests are refused.
            Unreachable, UnusableResponse: there is no answer, or none that can be used.
        """
        return await self.send(messages, params, NULL_OBSERVER)

    async def send(self, messages: Sequence[Message], params: SamplingParams, observer: RequestObserver) -> Completion:
        """`complete`, with events of each request sent to ``observer``."""
        least = min(self.limit(params), GROWTH * params.cut_at)
        while True:
            completion = await self._ask(messages, params, least, observer)
            if is_filtered(completion.finish_reason) and not visible(completion.text):
                raise RequestRefused(f"{self._host.name} stopped the answer of {self._model} by its content filter")
            larger = self._larger(params, completion)
            if larger <= completion.budget:
                self.prompts.seen(messages, completion)
                return completion
            least = larger

    def limit(self, params: SamplingParams) -> int:
        """Return the maximum tokens for this request; an answer cut off there stays cut."""
        return min(self._ceiling, max(GROWTH * params.max_tokens + self.capabilities.room, params.max_tokens))

    @property
    def _ceiling(self) -> int:
        return self._max_tokens or CEILING

    def _budget(self, params: SamplingParams, how: Capabilities | None = None) -> int:
        return min(self._ceiling, params.max_tokens + (how or self.capabilities).room)

    def _larger(self, params: SamplingParams, completion: Completion) -> int:
        """The token limit for another request after this answer; the same limit if the answer is sufficient."""
        if completion.finish_reason != "length":
            return 0
        if visible(completion.text):
            return 0 if params.prefix_only else self.limit(params)
        if self._budget(params) <= completion.budget:  # no other request has raised the limit meanwhile
            room = self._max_tokens or max(FIRST_ROOM, GROWTH * self.capabilities.room)
            self._adopt(replace(self.capabilities, room=min(room, self._ceiling)))
        return self._budget(params)

    async def _ask(
        self, messages: Sequence[Message], params: SamplingParams, least: int, observer: RequestObserver
    ) -> Completion:
        """One answer with at least this token limit, in any form that the host accepts."""
        patience = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            now = self.capabilities
            if not now.features(params):
                try:
                    return await self._send(now, messages, params, least, observer)
                except BadRequest as refusal:
                    if self.capabilities != now:  # another request changed them meanwhile
                        continue
                    if now.weakened(refusal.said, params) is None:
                        raise self._client.refused(refusal) from None
            elif self._probe is None and now.features(params) < now.untried:
                await asyncio.sleep(GATHER_S)  # let a request with more features go first, which tests all of them
            if now is self.capabilities and not await self._learned_by_another(patience):
                return await self._find_out(messages, params, least, observer)

    def _send(
        self,
        how: Capabilities,
        messages: Sequence[Message],
        params: SamplingParams,
        least: int,
        observer: RequestObserver,
        *,
        has_weaker_form: bool = False,
    ) -> Coroutine[Any, Any, Completion]:
        make_body = partial(self._body, how, messages, params, least)
        return self._client.persist(make_body, observer, priority=params.priority, has_weaker_form=has_weaker_form)

    async def _learned_by_another(self, patience: float) -> bool:
        """Wait while another request determines the capabilities; False if none does within ``patience``."""
        probe, left = self._probe, patience - asyncio.get_running_loop().time()
        if probe is None:
            return False
        if left > 0:
            await asyncio.wait({probe}, timeout=left)
        if not probe.done():
            self._scheduler.start_slowly()  # the concurrency of such a slow host is unknown
        return probe.done()

    async def _find_out(
        self, messages: Sequence[Message], params: SamplingParams, least: int, observer: RequestObserver
    ) -> Completion:
        """Send, with a weaker feature after each refusal; the form that is answered in the end is stored."""
        probe = None if self._probe else asyncio.get_running_loop().create_future()
        self._probe = self._probe or probe
        before = trial = self.capabilities
        try:
            while True:
                plain = trial.plain(params)
                try:
                    completion = await self._send(
                        trial, messages, params, least, observer, has_weaker_form=plain is not None
                    )
                except BadRequest as refusal:
                    weaker = plain if refusal.unexplained else trial.weakened(refusal.said, params)
                    if weaker is None:
                        raise self._client.refused(refusal) from None
                    trial = weaker
                    continue
                self._learn(before, trial, params, completion)
                return completion
        finally:
            if probe is not None:
                self._probe = None
                probe.set_result(None)

    def _learn(self, before: Capabilities, trial: Capabilities, params: SamplingParams, completion: Completion) -> None:
        untried = trial.features(params)
        if "logprobs" in untried and trial.alternatives and completion.tokens is None:
            if visible(completion.text):
                trial = replace(trial, alternatives=0)  # accepted, but missing from the answer
            else:
                untried -= {"logprobs"}  # an empty answer has no tokens, so support is unknown
        if not visible(completion.text) and completion.finish_reason == "length":
            trial = replace(trial, room=self._max_tokens or max(FIRST_ROOM, GROWTH * trial.room))
        trial = replace(trial, slow=self._client.pace.mean_s > PATIENCE_S)
        self._adopt(self.capabilities.with_lesson(before, trial.confirmed(untried)))

    def _adopt(self, learned: Capabilities) -> None:
        if learned != self.capabilities:
            self.capabilities = learned
            self._learned(learned)

    def _body(
        self, capabilities: Capabilities, messages: Sequence[Message], params: SamplingParams, least: int
    ) -> tuple[bytes, int]:
        budget = max(self._budget(params, capabilities), least)
        turns = [{"role": one.role, "content": one.content} for one in messages]
        if not capabilities.system:
            turns = alternating(fold_system(turns))
        body = {"model": self._model, "messages": turns, **capabilities.parameters(params, budget)}
        if self._effort and capabilities.effort:
            body["reasoning_effort"] = self._effort
        if params.schema is not None and capabilities.stop:
            body["stop"] = STOPS
        try:
            return orjson.dumps(body), budget
        except TypeError:  # half of a surrogate pair, which UTF-8 cannot encode
            for turn in turns:
                turn["content"] = turn["content"].encode("utf-8", "replace").decode()
            return orjson.dumps(body), budget
