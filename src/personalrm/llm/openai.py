"""Any OpenAI-compatible host: OpenAI, Azure, vLLM, Ollama, llama.cpp, gateways.

The hot path of the package, so one lean client over aiohttp. Connections are reused, every call has a deadline, passing
faults are retried with jitter, and a host that refuses a feature is asked again without it. Errors of aiohttp become
ours here and nowhere else.

Until the first answer one request finds out how the host wants to be asked (see capabilities.py); the others wait for
it, but not longer than `PATIENCE_S`: a refusal comes at once, so whoever thinks that long has taken the parameters. A
wrong key is found out the same way, with one request.

    endpoint = OpenAIEndpoint("gpt-4o-mini", Host.from_environment(), Scheduler(64))
    completion = await endpoint.complete([Message("user", "Hello")], Want(max_tokens=20))
"""

from __future__ import annotations

import asyncio
import io
import random
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from yarl import URL

from personalrm.errors import EndpointError, Refused, RequestRefused, Unreachable, Unusable
from personalrm.llm.capabilities import Capabilities
from personalrm.llm.endpoint import Completion, Flight, Want
from personalrm.llm.host import DEFAULT_URL, Host
from personalrm.llm.scheduler import Scheduler
from personalrm.llm.wire import ErrorInside, complaint, read_completion, redact, wait_asked
from personalrm.preferences import Message

__all__ = ["DEFAULT_URL", "Host", "OpenAIEndpoint"]

TRIES = 6
TRIES_AT_START = 3
"""A host that has never answered is given up sooner: the URL is probably wrong."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
CONNECT_S = 10.0
PATIENCE_S = 5.0
GATHER_S = 0.005
STANDS_S = 5.0
"""A refused key or a dead host is so for all who ask in the next seconds; later it is worth a new try."""
_OWN_FAULT = re.compile(
    r"context.{0,12}(length|size|window)|prompt is too long|too (large|many tokens)|content.{0,12}(filter|polic)", re.I
)
"""What hosts say where one request, not the way we ask, is at fault."""
LARGE_BODY = 1 << 20
"""aiohttp warns when more bytes than this are sent in one piece."""


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
        self._model, self._host, self._scheduler = model, host, scheduler
        self.capabilities = capabilities or Capabilities()
        self._learned = learned
        self._session: aiohttp.ClientSession | None = None
        self._url = URL(host.chat_url)
        self._timeout = aiohttp.ClientTimeout(total=host.timeout, sock_connect=CONNECT_S)
        self._probe: asyncio.Future[None] | None = None
        self._has_answered = False
        self._standing: tuple[float, EndpointError] | None = None

    @property
    def model(self) -> str:
        return self._model

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def complete(self, messages: Sequence[Message], want: Want) -> Completion:
        """Answer. Raises Refused (RequestRefused if only this request is at fault), Unreachable or Unusable."""
        return await self.send(messages, want, _NOBODY)

    async def send(self, messages: Sequence[Message], want: Want, flight: Flight) -> Completion:
        """`complete`, telling ``flight`` when a request is on its way."""
        patience = asyncio.get_running_loop().time() + PATIENCE_S
        while True:
            now = self.capabilities
            if not now.features(want):
                try:
                    return await self._persist(partial(self._body, now, messages, want), want.priority, flight)
                except _BadRequest as refusal:
                    if self.capabilities != now:  # somebody else learned more while we asked
                        continue
                    if now.weakened(refusal.said, want) is None:
                        raise self._refused(refusal) from None
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

    async def _find_out(self, messages: Sequence[Message], want: Want, flight: Flight) -> Completion:
        """Ask, with less of a feature each time the host refuses it; what is answered in the end is learned."""
        probe = None if self._probe else asyncio.get_running_loop().create_future()
        self._probe = self._probe or probe
        before = trial = self.capabilities
        try:
            while True:
                try:
                    completion = await self._persist(partial(self._body, trial, messages, want), want.priority, flight)
                except _BadRequest as refusal:
                    weaker = trial.weakened(refusal.said, want)
                    if weaker is None:
                        raise self._refused(refusal) from None
                    trial = weaker
                    continue
                self._learn(before, trial, want, completion)
                return completion
        finally:
            if probe is not None:
                self._probe = None
                probe.set_result(None)

    def _learn(self, before: Capabilities, trial: Capabilities, want: Want, completion: Completion) -> None:
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

    def _body(self, capabilities: Capabilities, messages: Sequence[Message], want: Want) -> bytes:
        turns = [{"role": one.role, "content": one.content} for one in messages]
        if not capabilities.system:
            turns = _fold_system(turns)
        body = {"model": self._model, "messages": turns, **capabilities.parameters(want)}
        try:
            return orjson.dumps(body)
        except TypeError:  # half of a surrogate pair, which UTF-8 cannot say
            for turn in turns:
                turn["content"] = turn["content"].encode("utf-8", "replace").decode()
            return orjson.dumps(body)

    async def _persist(self, make_body: Callable[[], bytes], priority: int, flight: Flight) -> Completion:
        """Send until answered, refused, or out of tries or time (waiting for a place is our time, not the host's).

        The body is made when its turn has come: those of all that wait would fill 100 MB.
        """
        loop, scheduler, deadline = asyncio.get_running_loop(), self._scheduler, self._host.deadline
        turn, used, attempt, faults = scheduler.turn(), 0.0, 0, 0
        overloaded_since = float("inf")
        while True:
            attempt += 1
            async with scheduler.slot(priority, turn):
                self._raise_what_stands()
                started, body = loop.time(), make_body()
                flight.departs(len(body))
                try:
                    completion = await self._post(body, deadline - used)
                    scheduler.succeeded()
                    self._has_answered = True
                    return completion
                except (_Passing, _BadRequest) as unanswered:
                    flight.failed()
                    if isinstance(unanswered, _BadRequest):
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

    def _is_hopeless(self, fault: _Passing, since: float) -> bool:
        """Whether an overloaded host asks for, or has already had, more patience than a call has."""
        return max(fault.retry_after, asyncio.get_running_loop().time() - since) > self._host.deadline

    async def _post(self, body: bytes, seconds: float) -> Completion:
        session = self._session or self._open()
        timeout = self._timeout
        if seconds < self._host.timeout:
            timeout = aiohttp.ClientTimeout(total=max(0.05, seconds), sock_connect=CONNECT_S)
        data = body if len(body) < LARGE_BODY else io.BytesIO(body)
        key = self._host.api_key
        try:
            async with session.post(self._url, data=data, timeout=timeout, allow_redirects=False) as response:
                return self._read(response, await response.read(), len(body))
        except aiohttp.ConnectionTimeoutError:
            raise _Passing(f"no connection within {CONNECT_S:.0f} s", dead=True) from None
        except TimeoutError:
            raise _Passing(f"no answer within {timeout.total or 0:.3g} s") from None
        except (aiohttp.InvalidURL, UnicodeError) as error:
            raise Refused(f"the URL of {self._host.name} cannot be used: {redact(str(error), key)}") from None
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or "not valid"
            raise self._stands(Refused(f"the certificate of {self._host.name} is refused: {why}")) from None
        except aiohttp.ClientConnectorError as error:
            raise _Passing(f"cannot connect ({_reason(error.os_error)})", dead=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Passing(f"the connection broke ({type(error).__name__})") from None
        except Unusable as error:
            raise _Passing(str(error), unusable=True) from None

    def _read(self, response: aiohttp.ClientResponse, answer: bytes, prompt_characters: int) -> Completion:
        if response.status != 200:
            raise self._fault(response.status, response, answer)
        try:
            return read_completion(answer, prompt_characters, self._host.api_key)
        except ErrorInside as error:
            raise self._fault(error.status, response, answer) from None

    def _open(self) -> aiohttp.ClientSession:
        scheme = self._url.scheme
        proxy = None if proxy_bypass(self._url.host or "") else getproxies().get(scheme)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            headers=self._host.headers(),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent",),
            proxy=proxy,  # found once: aiohttp's trust_env looks it up for every request, in a thread
        )
        return self._session

    def _fault(self, status: int, response: aiohttp.ClientResponse, answer: bytes) -> Exception:
        said = complaint(answer, self._host.api_key)
        where = self._host.name
        if status == 401 or (status == 403 and not self._has_answered):
            refuses = "refuses the key" if self._host.api_key else "wants a key"
            sentence = f"{where} {refuses} ({status}): {said}; set OPENAI_API_KEY to a valid key for this host"
            return self._stands(Refused(sentence))
        if status == 404:
            return self._stands(Refused(f"{where} knows no model '{self._model}' or no such path ({status}): {said}"))
        if status == 402 or b"insufficient_quota" in answer:
            return self._stands(Refused(f"{where} says the account has no credit left ({status}): {said}"))
        if status in (429, 503, 529) and "too large" not in said:  # "request too large" is no matter of time
            seconds = wait_asked(response.headers)
            return _Passing(f"overloaded ({status}): {said}", overload=True, retry_after=seconds)
        if status in (408, 409, 425) or status >= 500:
            return _Passing(f"fault of the host ({status}): {said}", retry_after=wait_asked(response.headers))
        if 300 <= status < 400:
            other = redact(response.headers.get("Location", "another URL"), self._host.api_key)
            return self._stands(Refused(f"{where} has moved ({status}): give the base URL of {other}"))
        return _BadRequest(status, said)

    def _refused(self, refusal: _BadRequest) -> Refused:
        kind = RequestRefused if refusal.status == 413 or _OWN_FAULT.search(refusal.said) else Refused
        return kind(f"{self._host.name} refuses the request for {self._model} ({refusal.status}): {refusal.said}")

    def _given_up(self, fault: _Passing, attempts: int, overloaded_since: float) -> EndpointError:
        if fault.unusable:
            return Unusable(f"{self._host.name}: {fault.said}")
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


class _Nobody:
    """Nobody to tell."""

    def departs(self, prompt_characters: int) -> None:
        """No matter."""

    def failed(self) -> None:
        """No matter."""


_NOBODY = _Nobody()


class _BadRequest(Exception):
    """The host refuses this form of the request (400, 413, 422); never leaves this module."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status, self.said = status, said


class _Passing(Exception):
    """A fault that may pass; never leaves this module."""

    def __init__(
        self,
        said: str,
        *,
        overload: bool = False,
        dead: bool = False,
        unusable: bool = False,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(said)
        self.said, self.overload, self.dead, self.unusable = said, overload, dead, unusable
        self.retry_after = retry_after


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "no TLS there" if error.reason == "WRONG_VERSION_NUMBER" else str(error.reason)
    return error.strerror or str(error)


def _fold_system(turns: list[dict[str, str]]) -> list[dict[str, str]]:
    """For models without a system role: its text opens the first user message."""
    system = "\n\n".join(one["content"] for one in turns if one["role"] == "system")
    rest = [one for one in turns if one["role"] != "system"]
    if not system:
        return rest
    if not rest or rest[0]["role"] != "user":
        return [{"role": "user", "content": system}, *rest]
    return [{"role": "user", "content": f"{system}\n\n{rest[0]['content']}"}, *rest[1:]]


def _jittered(attempt: int) -> float:
    """Exponential back-off with full jitter in its upper half, seconds."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 16)) * random.uniform(0.5, 1.0)
