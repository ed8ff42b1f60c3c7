"""Middleware of every request: request id, limits on body, concurrency and time, log, metrics, unexpected errors.

Written as plain ASGI because it runs for every prediction (0.03 ms).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import secrets
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from personalrm.errors import PersonalrmError
from personalrm.service.arrivals import Arrivals, TooBusy
from personalrm.service.config import ServiceConfig
from personalrm.service.logs import ServiceLog
from personalrm.service.metrics import Metrics
from personalrm.service.problems import Problem, later, problem_of

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_UNMETERED = frozenset({"/healthz", "/readyz", "/metrics"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PROCESS, _NUMBER = secrets.token_hex(4), itertools.count(1)
"""Prefix of request ids: random bytes for each request would need a system call each."""
_FOR_A_MODEL = 4
_DRAINED, _DRAIN_S = 64 << 20, 5.0
_CHAT = "/v1/chat/completions"


class BodyTooLarge(HTTPException):
    """The body is larger than allowed. FastAPI lets this type of error pass while it reads a body."""

    def __init__(self) -> None:
        super().__init__(413)


class Gate:
    """See the module's docstring.

    Args:
        app: the wrapped application.
        is_slow: whether the service calls a model at an endpoint; such requests get a longer timeout.
    """

    def __init__(
        self, app: ASGIApp, config: ServiceConfig, log: ServiceLog, metrics: Metrics, *, is_slow: bool
    ) -> None:
        self._app, self._config, self._log, self._metrics = app, config, log, metrics
        self._timeout = config.timeout * (_FOR_A_MODEL if is_slow else 1)
        self._arrivals = Arrivals(config.in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passing = _RequestState(scope, receive, send, self._config.max_body, self._arrivals)
        scope["personalrm.id"] = passing.id
        began = time.perf_counter()
        try:
            problem = self._refused(scope, passing)
            if problem is None:
                problem = await self._admitted(scope, passing)
            if problem is not None and not passing.status:
                await problem.answering(scope)(scope, receive, passing.send)
        finally:
            self._note(scope, passing, time.perf_counter() - began)

    async def _admitted(self, scope: Scope, passing: _RequestState) -> Problem | None:
        self._arrivals.running += 1
        try:
            return await self._answered(scope, passing)
        finally:
            self._arrivals.running -= 1
            passing.let_go()

    def _refused(self, scope: Scope, passing: _RequestState) -> Problem | None:
        if scope["path"] in _UNMETERED:
            return None
        if self._arrivals.is_full():
            return too_busy(self._config.in_flight)
        if passing.announced > self._config.max_body:
            return too_large(self._config.max_body)
        if passing.encoding not in (b"", b"identity") or passing.transfer not in (b"", b"chunked"):
            detail = "the body is compressed, and this service reads none"
            return Problem(415, "unsupported-encoding", detail, "send it without Content-Encoding, or only chunked")
        if "\ufffd" in scope["path"]:  # what the server reads for bytes that are not UTF-8
            return Problem(400, "invalid-path", "the path is not UTF-8", "percent-encode the UTF-8 bytes of each name")
        return _foreign(scope) if self._config.open else None

    async def _answered(self, scope: Scope, passing: _RequestState) -> Problem | None:
        """Run the app; return the problem it ended with, if any."""
        work = self._app(scope, passing.receive, passing.send)
        try:
            async with asyncio.timeout(self._allowed(scope)) as clock:
                passing.clock = clock
                await work
        except TimeoutError:
            if passing.is_arriving:
                detail = f"the body took more than {self._allowed(scope):g} s"
                return Problem(408, "too-slow", detail, "send the request again", headers={"Connection": "close"})
            return later(503, "too-slow", f"the answer took more than {self._allowed(scope):g} s", 5.0)
        except BodyTooLarge:
            return too_large(self._config.max_body)
        except TooBusy:
            return too_busy(self._config.in_flight)
        except ClientDisconnect:
            return None  # the client has disconnected
        except Problem as problem:
            return problem
        except PersonalrmError as error:
            return problem_of(error)
        except Exception as error:
            self._log.failure("failed", error, id=passing.id, route=_route(scope))
            return internal_error()
        finally:
            passing.clock = None  # the timeout covers the time until the answer starts
        return None

    def _allowed(self, scope: Scope) -> float:
        """Seconds until the answer must start."""
        return self._config.timeout * _FOR_A_MODEL if scope["path"] == _CHAT else self._timeout

    def _note(self, scope: Scope, passing: _RequestState, seconds: float) -> None:
        route = _route(scope)
        if route in _UNMETERED:
            return
        self._metrics.requests.labels(scope["method"], route, passing.status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        self._metrics.answered += 1
        self._metrics.in_flight.set(self._arrivals.running)
        space, key = scope.get("personalrm.caller", (None, None))
        told = {"id": passing.id, "method": scope["method"], "route": route, "status": passing.status}
        self._log.gather("request", **told, ms=round(seconds * 1000, 1), space=space, key=key)


def internal_error() -> Problem:
    """The problem for an unexpected error; the log has its location."""
    way_out = "see the service's log under this request_id, and report it"
    return Problem(500, "failed", "an unexpected error in the service", way_out)


def too_busy(limit: int) -> Problem:
    """The problem for a request above this many in progress."""
    return later(429, "too-busy", f"{limit} requests are already in progress")


def too_large(limit: int) -> Problem:
    """The problem for a body larger than this many bytes."""
    detail = f"the body is larger than {limit} bytes"
    return Problem(413, "body-too-large", detail, "split it into several requests", headers={"Connection": "close"})


class _RequestState:
    """State of one request: its id, the bytes received, and the status sent."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body: int, arrivals: Arrivals) -> None:
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        self.id = given.decode() if _ID.fullmatch(given) else f"{_PROCESS}{next(_NUMBER):08x}"
        length = headers.get(b"content-length", b"0")
        self.encoding = headers.get(b"content-encoding", b"").strip().lower()
        self.announced = int(length) if length.isdigit() else 0  # the parser accepts 64 bits
        self.transfer = headers.get(b"transfer-encoding", b"").strip().lower()
        self.status = 0
        self.clock: asyncio.Timeout | None = None
        self._receive, self._send, self._most, self._read = receive, send, max_body, 0
        self._arrivals, self._held = arrivals, 0
        self._is_whole = False
        self.is_arriving = False
        self._waits = headers.get(b"expect", b"").lower() == b"100-continue"

    async def receive(self) -> Message:
        """Raises BodyTooLarge, TooBusy."""
        if self._is_whole:
            return await self._receive()
        before = self._read
        self._arrivals.waits()
        self.is_arriving = True
        try:
            message = await self._received()
            self.is_arriving = False
        finally:
            self._arrivals.goes_on()
        if self._read > self._most:
            raise BodyTooLarge
        if self._is_whole:
            self.let_go()
            self._arrivals.arrived()
        else:
            self._held += self._read - before
            self._arrivals.holds(self._read - before)
        return message

    def let_go(self) -> None:
        """Count the bytes of its body no more."""
        self._arrivals.holds(-self._held)
        self._held = 0

    async def _drain(self) -> None:
        """Receive what the client still sends, up to a limit: a client that is sending does not read the refusal."""
        if self._waits:
            return
        most = self._read + _DRAINED
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while not self._is_whole and self._read < most:
                    await self._received()

    async def _received(self) -> Message:
        """The next part of the body; after the last part, `receive` waits until the client disconnects."""
        message = await self._receive()
        self._read += len(message.get("body", b""))
        self._is_whole = not message.get("more_body")
        return message

    async def send(self, message: Message) -> None:
        """Add the request's id. A streamed answer that has started may take longer than the timeout."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[Any] = [*message["headers"], (b"x-request-id", self.id.encode())]
            message = {**message, "headers": headers}
            if self.clock is not None:
                self.clock.reschedule(None)
            if self.status == 413:
                await self._drain()
        await self._send(message)


def _route(scope: Scope) -> str:
    """The route's template, which contains no person's name."""
    path = getattr(scope.get("route"), "path", None)
    if path is not None:
        return str(path)
    return scope["path"] if scope["path"] in _UNMETERED else "(none)"


def _foreign(scope: Scope) -> Problem | None:
    """Refuse cross-site requests when no key is needed: the Host must be loopback and the Origin this address.

    Otherwise a page of another site could send requests here, directly or by DNS rebinding.
    """
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.lower() not in _LOCAL_HOSTS:
        return Problem(403, "forbidden", "without a key the service answers on localhost only", "use a key")
    origin = headers.get(b"origin")
    if origin is not None and scope["method"] not in _SAFE and origin.decode("latin-1").partition("://")[2] != host:
        return Problem(403, "forbidden", "the request comes from a page of another site", "use a key")
    return None
