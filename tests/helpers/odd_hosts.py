"""A small real HTTP server for unusual host behaviour that the simulated LLM does not have."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import orjson
from aiohttp import web

from personalrm.llm.endpoint import SamplingParams
from personalrm.llm.host import Host
from personalrm.llm.openai import OpenAIEndpoint
from personalrm.llm.scheduler import Scheduler
from personalrm.preferences import Message

ASK = (Message("system", "Be brief."), Message("user", "Which one, A or B?"))
SHORT = SamplingParams(max_tokens=5)
LETTER = SamplingParams(max_tokens=4, logprobs=20)
VERDICT = '{"preference": "A"}'
SCHEMA = {
    "title": "verdict",
    "type": "object",
    "properties": {"preference": {"type": "string", "enum": ["A", "B"]}},
    "required": ["preference"],
    "additionalProperties": False,
}
EXPLAINED = SamplingParams(max_tokens=200, schema=SCHEMA)

Reply = tuple[int, Any] | tuple[int, Any, dict[str, str]] | None
Handler = Callable[[dict[str, Any], int], Reply | Awaitable[Reply]]


def question(number: int) -> list[Message]:
    return [Message("user", f"Question number {number}: A or B?")]


def answer(text: Any = "A", **more: Any) -> dict[str, Any]:
    """A chat completion."""
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, **more}]}


def error(sentence: str, code: Any = None) -> dict[str, Any]:
    return {"error": {"message": sentence, "type": "invalid_request_error", "code": code}}


class OddHost:
    """Answers every POST with ``handler(body, number)``: status, JSON value or bytes, headers; None drops the
    connection."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handler, self._tls = handler, tls
        self.bodies: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.times: list[float] = []
        self.lines: set[int] = set()
        self.active = self.peak = 0

    async def __aenter__(self) -> OddHost:
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = orjson.loads(await request.content.read())  # request.read() is limited to a megabyte
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.paths.append(request.path_qs)
        self.times.append(asyncio.get_running_loop().time())
        self.lines.add(id(request.protocol))
        self.active += 1
        self.peak = max(self.peak, self.active)
        try:
            reply = self._handler(body, len(self.bodies))
            reply = await reply if isinstance(reply, Awaitable) else reply
        finally:
            self.active -= 1
        if reply is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        status, value, *headers = reply
        self.statuses.append(status)
        payload = value if isinstance(value, bytes) else orjson.dumps(value)
        return web.Response(body=payload, status=status, headers=headers[0] if headers else None)


@contextlib.contextmanager
def in_a_thread(handler: Handler) -> Iterator[OddHost]:
    """An odd host with its own loop in a thread, for tests of whole commands."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="odd-host", daemon=True)
    thread.start()
    odd = OddHost(handler)
    try:
        yield asyncio.run_coroutine_threadsafe(odd.__aenter__(), loop).result(60)
    finally:
        asyncio.run_coroutine_threadsafe(odd.__aexit__(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


def endpoint(url: str, concurrency: int = 64, model: str = "m", **host: Any) -> OpenAIEndpoint:
    return OpenAIEndpoint(model, Host(url, **host), Scheduler(concurrency))


@contextlib.asynccontextmanager
async def asked(handler: Handler, concurrency: int = 64, **host: Any):  # type: ignore[no-untyped-def]
    """An odd host and an endpoint connected to it."""
    async with OddHost(handler) as odd:
        one = endpoint(odd.url, concurrency, **host)
        try:
            yield odd, one
        finally:
            await one.aclose()


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait for a condition that must become true; the limit only stops a broken test."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)


@contextlib.contextmanager
def dead_port() -> Iterator[int]:
    """A port on which nothing listens and that no other process can bind."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])
