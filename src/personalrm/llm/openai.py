"""Any OpenAI-compatible host: OpenAI, Azure, vLLM, Ollama, llama.cpp, gateways.

The hot path of the package, so one lean client over aiohttp (`transport`). Connections are reused, every call has a
deadline, passing faults are retried with jitter, and a host that refuses a feature is asked again without it. `Client`
asks one kind of question until it is answered; `OpenAIEndpoint` is the one for chats, `embeddings` that for vectors.

Until the first answer one request finds out how the host wants to be asked (see capabilities.py); the others wait for
it, but not longer than `PATIENCE_S`: a refusal comes at once, so whoever thinks that long has taken the parameters. A
wrong key is found out the same way, with one request.

    endpoint = OpenAIEndpoint("gpt-4o-mini", Host.from_environment(), Scheduler(64))
    completion = await endpoint.complete([Message("user", "Hello")], SamplingParams(max_tokens=20))
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, TypeVar

import orjson

from personalrm.errors import EndpointError, EndpointRefused, RequestRefused, Unreachable, UnusableResponse
from personalrm.llm.capabilities import Capabilities
from personalrm.llm.credentials import Credentials
from personalrm.llm.endpoint import NULL_OBSERVER, Completion, RequestObserver, SamplingParams
from personalrm.llm.host import DEFAULT_URL, Host
from personalrm.llm.retry_after import wait_asked
from personalrm.llm.scheduler import Scheduler
from personalrm.llm.transport import BadRequest, Passing, Response, Transport
from personalrm.llm.wire import ErrorInside, complaint, fold_system, one_line, read_completion
from personalrm.preferences import Message

__all__ = ["DEFAULT_URL", "Client", "Host", "OpenAIEndpoint"]

T = TypeVar("T")

TRIES = 6
TRIES_AT_START = 3
"""A host that has never answered is given up sooner: the URL is probably wrong."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
PATIENCE_S = 5.0
GATHER_S = 0.005
STANDS_S = 5.0
"""A refused key or a dead host is so for all who ask in the next seconds; later it is worth a new try."""
_OWN_FAULT = re.compile(
    r"context.{0,12}(length|size|window)|prompt is too long|too (large|many tokens)|content.{0,12}(filter|polic)", re.I
)
"""What hosts say where one request, not the way we ask, is at fault."""


class OpenAIEndpoint:
    """One model at one host. Belongs to one event loop.

    Args:
        model: the model's name at the host.
        host: where to ask.
        scheduler: bounds the requests in flight; share it between all endpoints of a run.
        capabilities: what is known of the host from earlier runs.
        learned: called with the capabilities whenever more is known.
    """

    def __init__(
        self,
        model: str,
        host: Host,
        scheduler: Scheduler,
        capabilities: Capabilities | None = None,
        learned: Callable[[Capabilities], None] = lambda _: None,
    ) -> None:
        self._model, self._scheduler = model, scheduler
        self.capabilities = capabilities or Capabilities()
        self._learned = learned
        self._client = Client(model, host, host.chat_url, scheduler, read_completion)
        self._probe: asyncio.Future[None] | None = None

    @property
    def model(self) -> str:
        return self._model

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        await self._client.aclose()

    async def complete(self, messages: Sequence[Message], want: SamplingParams) -> Completion:
        """Answer. Raises Refused (RequestRefused if only this request is at fault), Unreachable or UnusableResponse."""
        return await self.send(messages, want, NULL_OBSERVER)

    async def send(self, messages: Sequence[Message], want: SamplingParams, flight: RequestObserver) -> Completion:
        """`complete`, telling ``flight`` when a request is on its way."""
        patience = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            now = self.capabilities
            if not now.features(want):
                try:
                    return await self._client.persist(partial(self._body, now, messages, want), want.priority, flight)
                except BadRequest as refusal:
                    if self.capabilities != now:  # somebody else learned more while we asked
                        continue
                    if now.weakened(refusal.said, want) is None:
                        raise self._client.refused(refusal) from None
            elif self._probe is None and now.features(want) < now.untried:
                await asyncio.sleep(GATHER_S)  # whoever uses more features finds out more with the same request
            if now is self.capabilities and not await self._learned_by_another(patience):
                return await self._find_out(messages, want, flight)

    async def _learned_by_another(self, patience: float) -> bool:
        """Wait while somebody else finds out how to ask; False if nobody does, or takes longer than our patience."""
        probe, left = self._probe, patience - asyncio.get_running_loop().time()
        if probe is None or left <= 0:
            return False
        await asyncio.wait({probe}, timeout=left)
        return probe.done()

    async def _find_out(self, messages: Sequence[Message], want: SamplingParams, flight: RequestObserver) -> Completion:
        """Ask, with less of a feature each time the host refuses it; what is answered in the end is learned."""
        probe = None if self._probe else asyncio.get_running_loop().create_future()
        self._probe = self._probe or probe
        before = trial = self.capabilities
        try:
            while True:
                try:
                    completion = await self._client.persist(
                        partial(self._body, trial, messages, want), want.priority, flight
                    )
                except BadRequest as refusal:
                    weaker = trial.weakened(refusal.said, want)
                    if weaker is None:
                        raise self._client.refused(refusal) from None
                    trial = weaker
                    continue
                self._learn(before, trial, want, completion)
                return completion
        finally:
            if probe is not None:
                self._probe = None
                probe.set_result(None)

    def _learn(self, before: Capabilities, trial: Capabilities, want: SamplingParams, completion: Completion) -> None:
        untried = trial.features(want)
        if "logprobs" in untried and trial.alternatives and completion.tokens is None:
            if completion.text:
                trial = replace(trial, alternatives=0)  # taken, and silently left out of the answer
            else:
                untried -= {"logprobs"}  # an empty answer has no tokens: nothing is known yet
        learned = self.capabilities.with_lesson(before, trial.confirmed(untried))
        if learned != self.capabilities:
            self.capabilities = learned
            self._learned(learned)

    def _body(self, capabilities: Capabilities, messages: Sequence[Message], want: SamplingParams) -> bytes:
        turns = [{"role": one.role, "content": one.content} for one in messages]
        if not capabilities.system:
            turns = fold_system(turns)
        body = {"model": self._model, "messages": turns, **capabilities.parameters(want)}
        try:
            return orjson.dumps(body)
        except TypeError:  # half of a surrogate pair, which UTF-8 cannot say
            for turn in turns:
                turn["content"] = turn["content"].encode("utf-8", "replace").decode()
            return orjson.dumps(body)


class Client(Generic[T]):
    """Asks one kind of question of one model at one URL, until it is answered. Belongs to one event loop.

    Args:
        model: the model's name at the host, for messages.
        host: whose the URL is.
        url: where to ask.
        scheduler: bounds the requests in flight.
        read: from an answer's body, the characters of its request and the credentials to the answer; raises
            UnusableResponse or ErrorInside.
    """

    def __init__(
        self,
        model: str,
        host: Host,
        url: str,
        scheduler: Scheduler,
        read: Callable[[bytes, int, Credentials], T],
    ) -> None:
        self._model, self._host, self._scheduler, self._read = model, host, scheduler, read
        self._transport = Transport(host, url)
        self._has_answered = False
        self._standing: tuple[float, EndpointError] | None = None

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        await self._transport.aclose()

    async def persist(self, make_body: Callable[[], bytes], priority: int, flight: RequestObserver) -> T:
        """Send until answered, refused, or out of tries or time (waiting for a place is our time, not the host's).

        The body is made when its turn has come: those of all that wait would fill 100 MB.

        Raises:
            BadRequest: the host does not take this form of the request.
            Refused, Unreachable, Unusable: nothing is to be had.
        """
        loop, scheduler, deadline = asyncio.get_running_loop(), self._scheduler, self._host.deadline
        turn, used, attempt, faults = scheduler.turn(), 0.0, 0, 0
        overloaded_since = float("inf")
        while True:
            attempt += 1
            async with scheduler.slot(priority, turn):
                self._raise_what_stands()
                started, body = loop.time(), make_body()
                flight.on_send(len(body))
                try:
                    answer = await self._post(body, deadline - used)
                    scheduler.succeeded()
                    self._has_answered = True
                    return answer
                except (Passing, BadRequest) as unanswered:
                    flight.failed()
                    if isinstance(unanswered, BadRequest):
                        raise
                    fault = unanswered
                overloaded_since = min(overloaded_since, started) if fault.overload else float("inf")
                if fault.overload and not self._is_hopeless(fault, overloaded_since):
                    scheduler.slow_down(fault.retry_after, started)
                    continue  # the scheduler holds everybody back; this request keeps its turn
            faults += 1  # a host that is busy for a while has not failed
            wait = max(fault.retry_after, _jittered(faults))
            used += loop.time() - started + wait
            tries = TRIES if self._has_answered or not (fault.dead or fault.unusable) else TRIES_AT_START
            if fault.overload or faults >= tries or used >= deadline:
                raise self._given_up(fault, attempt, overloaded_since)
            await asyncio.sleep(wait)

    def _is_hopeless(self, fault: Passing, since: float) -> bool:
        """Whether an overloaded host asks for, or has already had, more patience than a call has."""
        return max(fault.retry_after, asyncio.get_running_loop().time() - since) > self._host.deadline

    async def _post(self, body: bytes, seconds: float) -> T:
        try:
            response = await self._transport.post(body, seconds)
        except EndpointRefused as error:
            raise self._stands(error) from None
        try:
            if response.status != 200:
                raise self._fault(response.status, response)
            return self._read(response.body, len(body), self._host.credentials)
        except ErrorInside as error:
            raise self._fault(error.status, response) from None
        except UnusableResponse as error:
            raise Passing(str(error), unusable=True) from None

    def _fault(self, status: int, response: Response) -> Exception:
        said = complaint(response.body, self._host.credentials)
        where = self._host.name
        if status == 401 or (status == 403 and not self._has_answered):
            refuses = "refuses the key" if self._host.api_key else "wants a key"
            sentence = f"{where} {refuses} ({status}): {said}; set OPENAI_API_KEY to a valid key for this host"
            return self._stands(EndpointRefused(sentence))
        if status == 404:
            return self._stands(
                EndpointRefused(f"{where} knows no model '{self._model}' or no such path ({status}): {said}")
            )
        if status == 402 or b"insufficient_quota" in response.body:
            return self._stands(EndpointRefused(f"{where} says the account has no credit left ({status}): {said}"))
        if status in (429, 503, 529) and "too large" not in said:  # "request too large" is no matter of time
            seconds = wait_asked(response.headers)
            return Passing(f"overloaded ({status}): {said}", overload=True, retry_after=seconds)
        if status in (408, 409, 425) or status >= 500:
            return Passing(f"fault of the host ({status}): {said}", retry_after=wait_asked(response.headers))
        if 300 <= status < 400:
            other = one_line(response.headers.get("Location", "another URL"), self._host.credentials, 200)
            return self._stands(EndpointRefused(f"{where} has moved ({status}): give the base URL of {other}"))
        return BadRequest(status, said)

    def refused(self, refusal: BadRequest) -> EndpointRefused:
        """The error for a request that the host takes in no form."""
        kind = RequestRefused if refusal.status == 413 or _OWN_FAULT.search(refusal.said) else EndpointRefused
        return kind(f"{self._host.name} refuses the request for {self._model} ({refusal.status}): {refusal.said}")

    def _given_up(self, fault: Passing, attempts: int, overloaded_since: float) -> EndpointError:
        if fault.unusable:
            return UnusableResponse(f"{self._host.name}: {fault.said}")
        if fault.dead and not self._has_answered:
            return self._stands(Unreachable(f"{self._host.name} cannot be reached: {fault.said}; check the base URL"))
        error = Unreachable(f"{self._host.name} gave no answer in {attempts} tries: {fault.said}")
        # a host that served nobody for so long is not asked again by all the others in turn
        return self._stands(error) if self._scheduler.last_success < overloaded_since < float("inf") else error

    def _stands(self, error: EndpointError) -> EndpointError:
        self._standing = asyncio.get_running_loop().time() + STANDS_S, error
        return error

    def _raise_what_stands(self) -> None:
        if self._standing is not None and asyncio.get_running_loop().time() < self._standing[0]:
            raise type(self._standing[1])(str(self._standing[1]))


def _jittered(attempt: int) -> float:
    """Exponential back-off with full jitter in its upper half, seconds."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 16)) * random.uniform(0.5, 1.0)
