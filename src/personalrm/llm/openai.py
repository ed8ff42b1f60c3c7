"""Any OpenAI-compatible host: OpenAI, Azure, vLLM, Ollama, llama.cpp, gateways.

The hot path of the package, so one lean client over aiohttp (`http_client`, `transport`). A host that refuses a feature
is asked again without it. `embeddings` is the counterpart for vectors.

Until the first answer one request finds out how the host wants to be asked (see capabilities.py); the others wait for
it, but not longer than `PATIENCE_S`: a refusal comes at once, so whoever thinks that long has taken the parameters. A
wrong key is found out the same way, with one request.

An answer that is cut off before it says anything (a model that thinks first) is asked again with more room, which is
remembered; one that is cut off in its midst is asked again once, with four times as much.

    endpoint = OpenAIEndpoint("gpt-4o-mini", Host.from_environment(), Scheduler(64))
    completion = await endpoint.complete([Message("user", "Hello")], SamplingParams(max_tokens=20))
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import orjson

from personalrm.errors import RequestRefused
from personalrm.llm.capabilities import Capabilities
from personalrm.llm.endpoint import NULL_OBSERVER, Completion, RequestObserver, SamplingParams
from personalrm.llm.faults import CONTENT_FILTERED
from personalrm.llm.host import DEFAULT_URL, Host
from personalrm.llm.http_client import HttpClient
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
"""The most new tokens of one answer, thoughts included, unless the user says otherwise."""
FIRST_ROOM = 2_048
"""Tokens for thoughts that are added when an answer was cut off before it began; four times as many the next time."""
GROWTH = 4
STOPS = ("<pair>", "<past_choice", "<conversation>")
"""Marks of our own prompts: a model that writes one goes on with the prompt instead of answering it."""


class OpenAIEndpoint:
    """One model at one host. Belongs to one event loop.

    Args:
        model: the model's name at the host.
        host: where to ask.
        scheduler: bounds the requests in flight; share it between all endpoints of a run.
        capabilities: what is known of the host from earlier runs.
        learned: called with the capabilities whenever more is known.
        max_tokens: the most new tokens of one answer, thoughts included; None leaves it to `CEILING`.
        effort: how much a reasoning model should think (``low``, ``medium``, ``high``, or what the host knows).
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
        """What tells this host's answers from another's: its URL without query, user and password."""
        return self._host.scope

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        await self._client.aclose()

    def recall(self, capabilities: Capabilities) -> None:
        """What is known of the host from earlier runs; before anything is asked."""
        self.capabilities = capabilities
        if capabilities.slow:
            self._scheduler.start_slowly()

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        """Answer. Raises EndpointRefused (RequestRefused if only this request is at fault), Unreachable or
        UnusableResponse."""
        return await self.send(messages, params, NULL_OBSERVER)

    async def send(self, messages: Sequence[Message], params: SamplingParams, observer: RequestObserver) -> Completion:
        """`complete`, telling ``observer`` what becomes of each request."""
        least = min(self.limit(params), GROWTH * params.cut_at)
        while True:
            completion = await self._ask(messages, params, least, observer)
            if completion.finish_reason.lower() in CONTENT_FILTERED and not visible(completion.text):
                raise RequestRefused(f"{self._host.name} stopped the answer of {self._model} by its content filter")
            larger = self._larger(params, completion)
            if larger <= completion.budget:
                self.prompts.seen(messages, completion)
                return completion
            least = larger

    def limit(self, params: SamplingParams) -> int:
        """The most tokens that this question is asked with; an answer cut off there stays cut."""
        return min(self._ceiling, max(GROWTH * params.max_tokens + self.capabilities.room, params.max_tokens))

    @property
    def _ceiling(self) -> int:
        return self._max_tokens or CEILING

    def _budget(self, params: SamplingParams) -> int:
        return min(self._ceiling, params.max_tokens + self.capabilities.room)

    def _larger(self, params: SamplingParams, completion: Completion) -> int:
        """With how many tokens to ask again after this answer; no more than it had if it will do."""
        if completion.finish_reason != "length":
            return 0
        if visible(completion.text):
            return 0 if params.prefix_only else self.limit(params)
        if self._budget(params) <= completion.budget:  # nobody else has found out yet that this model thinks first
            room = self._max_tokens or max(FIRST_ROOM, GROWTH * self.capabilities.room)
            self._adopt(replace(self.capabilities, room=min(room, self._ceiling)))
        return self._budget(params)

    async def _ask(
        self, messages: Sequence[Message], params: SamplingParams, least: int, observer: RequestObserver
    ) -> Completion:
        """One answer of at least so many tokens, in whatever form the host takes the question."""
        patience = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            now = self.capabilities
            if not now.features(params):
                try:
                    return await self._send(now, messages, params, least, observer)
                except BadRequest as refusal:
                    if self.capabilities != now:  # somebody else learned more while we asked
                        continue
                    if now.weakened(refusal.said, params) is None:
                        raise self._client.refused(refusal) from None
            elif self._probe is None and now.features(params) < now.untried:
                await asyncio.sleep(GATHER_S)  # whoever uses more features finds out more with the same request
            if now is self.capabilities and not await self._learned_by_another(patience):
                return await self._find_out(messages, params, least, observer)

    async def _send(
        self,
        how: Capabilities,
        messages: Sequence[Message],
        params: SamplingParams,
        least: int,
        observer: RequestObserver,
    ) -> Completion:
        make_body = partial(self._body, how, messages, params, least)
        return await self._client.persist(make_body, observer, priority=params.priority)

    async def _learned_by_another(self, patience: float) -> bool:
        """Wait while somebody else finds out how to ask; False if nobody does, or takes longer than our patience."""
        probe, left = self._probe, patience - asyncio.get_running_loop().time()
        if probe is None:
            return False
        if left > 0:
            await asyncio.wait({probe}, timeout=left)
        if not probe.done():
            self._scheduler.start_slowly()  # nobody knows yet how many a host serves that thinks so long
        return probe.done()

    async def _find_out(
        self, messages: Sequence[Message], params: SamplingParams, least: int, observer: RequestObserver
    ) -> Completion:
        """Ask, with less of a feature each time the host refuses it; what is answered in the end is learned."""
        probe = None if self._probe else asyncio.get_running_loop().create_future()
        self._probe = self._probe or probe
        before = trial = self.capabilities
        try:
            while True:
                try:
                    completion = await self._send(trial, messages, params, least, observer)
                except BadRequest as refusal:
                    weaker = trial.weakened(refusal.said, params)
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
                trial = replace(trial, alternatives=0)  # taken, and silently left out of the answer
            else:
                untried -= {"logprobs"}  # an empty answer has no tokens: nothing is known yet
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
        budget = max(self._budget(params), least)
        turns = [{"role": one.role, "content": one.content} for one in messages]
        if not capabilities.system:
            turns = alternating(fold_system(turns))
        body = {"model": self._model, "messages": turns, **capabilities.parameters(replace(params, max_tokens=budget))}
        if self._effort and capabilities.effort:
            body["reasoning_effort"] = self._effort
        if params.schema is not None and capabilities.stop:
            body["stop"] = STOPS
        try:
            return orjson.dumps(body), budget
        except TypeError:  # half of a surrogate pair, which UTF-8 cannot say
            for turn in turns:
                turn["content"] = turn["content"].encode("utf-8", "replace").decode()
            return orjson.dumps(body), budget
