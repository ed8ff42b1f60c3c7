"""HTTP requests of one kind for one model at one URL, repeated until answered.

Connections are reused, the deadline of a call grows with the measured latency (`pace`), transient faults are retried
with jitter, and a refusal that affects all requests is not repeated by each of them.

    client = HttpClient("m", host, host.chat_url, Scheduler(64), read_completion)
    completion = await client.persist(lambda: (body, 300), NULL_OBSERVER)           # at most 300 new tokens
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from personalrm.errors import EndpointError, EndpointRefused, RequestRefused, Unreachable, UnusableResponse
from personalrm.llm.complaints import ErrorInside, is_page, short
from personalrm.llm.credentials import Credentials
from personalrm.llm.endpoint import Completion, RequestObserver
from personalrm.llm.faults import fault_of, refused
from personalrm.llm.host import Host
from personalrm.llm.other_shapes import is_stream
from personalrm.llm.pace import Pace
from personalrm.llm.scheduler import Scheduler
from personalrm.llm.transport import AttemptFailed, BadRequest, Transport

T = TypeVar("T")
E = TypeVar("E", bound=EndpointError)
_log = logging.getLogger("personalrm.llm")
TRIES = 6
TRIES_AT_START = 3
"""Attempts at a host that has never answered: the URL is probably wrong."""
TRIES_UNUSABLE = 2
"""Attempts that end in status 200 without a choice: each may have been paid for."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
STANDS_S = 5.0
"""Seconds for which a refused key or an unreachable host fails all requests without a new attempt."""


class HttpClient(Generic[T]):
    """Sends requests of one kind for one model to one URL until they are answered. Belongs to one event loop.

    Args:
        model: the model's name at the host, for messages.
        host: the host of the URL.
        url: where requests are sent.
        scheduler: bounds the requests in flight.
        read: parses an answer from its body, the characters of its request, and credentials; raises UnusableResponse
            or ErrorInside.
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
        self._first_error = ""
        self.pace = Pace(host.timeout)

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        await self._transport.aclose()

    async def persist(
        self,
        make_body: Callable[[], tuple[bytes, int]],
        observer: RequestObserver,
        *,
        priority: int = 0,
        has_weaker_form: bool = False,
    ) -> T:
        """Send until answered, refused, or out of attempts or time (the wait in our own queue is not counted).

        The body and its maximum tokens are made when a slot is free: the bodies of all waiting requests would take 100
        MB, and the capabilities may have changed by then. The slot is released when ``observer.answered`` has returned.

        With ``has_weaker_form``, a host that answers 500 without a reason three times is taken to refuse this form.

        Raises:
            BadRequest: the host does not accept this form of the request.
            EndpointRefused, Unreachable, UnusableResponse: there is no answer.
        """
        loop, scheduler = asyncio.get_running_loop(), self._scheduler
        turn, used, attempt, faults, unusable = scheduler.turn(), 0.0, 0, 0, 0
        overloaded_since = float("inf")
        while True:
            attempt += 1
            async with scheduler.slot(priority, turn):
                self._raise_remembered()
                started, (body, max_tokens) = loop.time(), make_body()
                observer.on_send(len(body), max_tokens)
                try:
                    answer = _with_budget(await self._post(body, max_tokens), max_tokens)
                    self._succeeded(answer, len(body), max_tokens, loop.time() - started)
                    await observer.answered(answer)
                    return answer
                except (AttemptFailed, BadRequest, RequestRefused) as unanswered:
                    observer.failed()
                    if not isinstance(unanswered, AttemptFailed):
                        raise
                    fault = unanswered
                overloaded_since = min(overloaded_since, started) if fault.overload else float("inf")
                if fault.overload and not self._exceeds_deadline(fault, overloaded_since):
                    scheduler.slow_down(fault.retry_after, started)
                    _log.debug("%s is overloaded: %d requests at once from now on", self._host.name, scheduler.limit)
                    continue  # the scheduler pauses all requests; this one keeps its turn
            faults += 1  # an overloaded host is not counted
            wait = max(fault.retry_after, jittered(faults))
            used += loop.time() - started + wait
            unusable += fault.unusable
            tries = TRIES if self._has_answered or not fault.dead else TRIES_AT_START
            deadline = max(self._host.deadline, self.pace.allowed(len(body), max_tokens))
            if has_weaker_form and fault.unexplained and faults >= TRIES_AT_START:
                raise BadRequest(500, fault.said, unexplained=True)
            if fault.overload or fault.final or faults >= tries or unusable >= TRIES_UNUSABLE or used >= deadline:
                raise self._given_up(fault, attempt, overloaded_since)
            _log.info("%s: %s, try %d; again in %.1f s", self._host.name, fault.kind, attempt, wait)
            await asyncio.sleep(wait)

    def refused(self, refusal: BadRequest) -> EndpointRefused:
        """Return the error for a request that the host accepts in no form."""
        error = refused(refusal, self._host, self._model)
        return error if isinstance(error, RequestRefused) else self._of_second(error)

    def _of_second(self, error: E) -> E:
        """The error; it also fails the other requests if a host that has never answered gave it for two of them.

        One alone may be due to its prompt.
        """
        if not self._has_answered and str(error) == self._first_error:
            self._remembered(error)
        self._first_error = str(error)
        return error

    def _succeeded(self, answer: T, characters: int, max_tokens: int, seconds: float) -> None:
        self._has_answered = True
        written = answer.completion_tokens if isinstance(answer, Completion) else 0
        self._scheduler.succeeded(self.pace.answered(characters, max_tokens, written, seconds), seconds)

    def _exceeds_deadline(self, fault: AttemptFailed, since: float) -> bool:
        """Whether an overloaded host requests, or has already taken, more time than a call has."""
        return max(fault.retry_after, asyncio.get_running_loop().time() - since) > self._host.deadline

    async def _post(self, body: bytes, max_tokens: int) -> T:
        begun = False
        try:
            response = await self._transport.post(body, lambda: self.pace.allowed(len(body), max_tokens))
            if 200 <= response.status < 300:
                return self._read(response.body, len(body), self._host.credentials)
            status = response.status
        except EndpointRefused as error:
            raise self._remembered(error) from None
        except ErrorInside as error:
            status, begun = error.status, is_stream(response.body)
        except UnusableResponse as error:
            if is_page(response.body):
                raise self._remembered(self._page(response.body)) from None
            raise AttemptFailed(str(error), unusable=True) from None
        fault = fault_of(status, response, self._host, self._model, has_answered=self._has_answered)
        if begun and isinstance(fault, AttemptFailed) and not fault.overload:
            fault.unusable = True  # a stream that had begun may have been paid for
        affects_all = isinstance(fault, EndpointRefused) and not isinstance(fault, RequestRefused)
        raise self._remembered(fault) if affects_all and isinstance(fault, EndpointError) else fault

    def _page(self, body: bytes) -> EndpointRefused:
        return EndpointRefused(
            f"{self._host.name} answers with a web page ({short(body, self._host.credentials)}): check the base URL, "
            "and whether a proxy or this network wants a login"
        )

    def _given_up(self, fault: AttemptFailed, attempts: int, overloaded_since: float) -> EndpointError:
        if fault.unusable:
            asked = f" (asked {attempts} times)" if attempts > 1 else ""
            return self._of_second(UnusableResponse(f"{self._host.name}: {fault.said}{asked}"))
        if fault.dead and not self._has_answered:
            return self._remembered(
                Unreachable(f"{self._host.name} cannot be reached: {fault.said}; check the base URL")
            )
        error = Unreachable(
            f"{self._host.name} gave no answer in {attempts} {'try' if attempts == 1 else 'tries'}: {fault.said}"
        )
        # the other requests need not wait as long for the same host
        if self._scheduler.last_success < overloaded_since < float("inf"):
            return self._remembered(error)
        return self._of_second(error)

    def _remembered(self, error: EndpointError) -> EndpointError:
        self._standing = asyncio.get_running_loop().time() + STANDS_S, error
        _log.info("%s: %s fails all requests for %g s", self._host.name, type(error).__name__, STANDS_S)
        return error

    def _raise_remembered(self) -> None:
        if self._standing is not None and asyncio.get_running_loop().time() < self._standing[0]:
            raise type(self._standing[1])(str(self._standing[1]))


def _with_budget(answer: T, max_tokens: int) -> T:
    return cast(T, answer.with_budget(max_tokens)) if isinstance(answer, Completion) else answer


def jittered(attempt: int) -> float:
    """Return the delay of exponential back-off, in seconds, with jitter in its upper half."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 16)) * random.uniform(0.5, 1.0)
