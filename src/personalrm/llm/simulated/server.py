"""A simulated LLM behind a real HTTP server with the OpenAI API, for tests and benchmarks only.

It is not a language model: it parses the prompt, judges by rules (`judge`) and writes from phrases (`writing`). It is
deterministic and does not know which person or method a request belongs to. `/v1/models` names it "simulated". Its
embeddings are simulated as well: hashes of words without meaning (`embeddings`).

    async with SimulatedLLM(latency=0.2) as llm:        # in the running loop
        ...                                             # llm.url is the base URL, llm.statistics the counts
    with SimulatedLLM(rate_limit_every=5) as llm:       # in its own thread
        ...

    python -m personalrm.llm.simulated --port 8000 --latency 0.2 --slots 64

Routes (each also without /v1): POST /v1/chat/completions, POST /v1/embeddings, GET /v1/models,
GET /stats[?slots=64&bodies=1], GET /requests[?last=10], DELETE /stats (resets the counts and the prefix cache).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import threading
from collections.abc import Sequence
from dataclasses import fields
from types import TracebackType
from typing import Any, get_args, get_type_hints

import orjson
from aiohttp import web

from personalrm.llm.simulated.answers import Answerer, RequestError, flatten, parse_body
from personalrm.llm.simulated.behaviour import Behaviour, refusal, work_s
from personalrm.llm.simulated.embeddings import answer_input, parse_input, texts_of
from personalrm.llm.simulated.statistics import Call, Statistics, tokens

MODEL = "simulated"
EMBEDDINGS = "/embeddings"
BANNER = "personalrm simulated LLM: rules for tests and benchmarks, not a language model"


class SimulatedLLM:
    """The server; enter it with ``async with`` (this loop) or ``with`` (its own thread). Keywords as in `Behaviour`.

    Attributes:
        url: base URL for OpenAI clients, ending in /v1; set when entered.
        statistics: counts so far; see `Statistics`.
        behaviour: can be replaced while the server runs.
    """

    def __init__(
        self, behaviour: Behaviour | None = None, *, port: int = 0, host: str = "127.0.0.1", **knobs: Any
    ) -> None:
        self.behaviour = behaviour or Behaviour(**knobs)
        self.statistics = Statistics()
        self.url = ""
        self._host, self._port = host, port
        self._answerer = Answerer()
        self._desk: asyncio.Semaphore | None = None
        self._runner: web.ServerRunner | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def root(self) -> str:
        """The URL without /v1, for /stats."""
        return self.url.removesuffix("/v1")

    async def start(self) -> None:
        """Listen; port 0 selects a free one."""
        self._runner = web.ServerRunner(
            web.Server(self._route, handler_cancellation=True, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, backlog=1024)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://{self._host}:{self._port}/v1"

    async def stop(self) -> None:
        """Stop listening and close open connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> SimulatedLLM:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> SimulatedLLM:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated-llm", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._thread is not None:
            asyncio.run_coroutine_threadsafe(self.stop(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix("/v1")
        if request.method == "POST" and path.endswith(("/chat/completions", EMBEDDINGS)):
            return await self._completion(request)
        if path == "/models":
            return _json({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": BANNER}]})
        if path == "/stats" and request.method == "DELETE":
            self.statistics = Statistics()
        if path == "/stats":
            return _json(self._report(request))
        if path == "/requests":
            last = int(request.query.get("last", "10"))
            return _json([orjson.loads(body) for body in list(self.statistics.recent)[-last:]])
        return _error(404, f"There is no {request.method} {request.path} here.", "not_found")

    def _report(self, request: web.BaseRequest) -> dict[str, object]:
        slots = int(request.query.get("slots", "0")) or self.behaviour.slots or None
        report = {"model": MODEL, **self.statistics.report(slots)}
        if "bodies" in request.query:
            report["bodies"] = dict(self.statistics.finished)
        return report

    async def _completion(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = await request.read()
        statistics, started = self.statistics, asyncio.get_running_loop().time()
        call = statistics.arrived(raw)
        status, spent = "cancelled", 0
        try:
            response, spent = await self._answer(request, raw, call, started)
            status = "dropped" if response is None else str(response.status)
            return response or web.Response()
        finally:
            statistics.left(call, status, spent)

    async def _answer(
        self, request: web.BaseRequest, raw: bytes, call: Call, started: float
    ) -> tuple[web.Response | None, int]:
        """The response (None: the connection was dropped) and its number of completion tokens."""
        how, number = self.behaviour, self.statistics.requests
        try:
            embeds = request.path.endswith(EMBEDDINGS)
            body = parse_input(raw) if embeds else parse_body(raw)
            _admit(request, body, how)
            inputs = texts_of(body) if embeds else [flatten(body)]
            if how.context and tokens(max(map(len, inputs))) > how.context:
                sentence = f"This model's maximum context length is {how.context} tokens; your input is longer."
                raise RequestError(400, sentence, "context_length_exceeded", "input" if embeds else "messages")
        except RequestError as error:
            return _error(error.status, str(error), error.code, error.parameter), 0
        if broken := await self._break(request, number):
            return broken, 0
        if request.transport is None or request.transport.is_closing():
            return None, 0
        prompt = "\n".join(inputs)
        self.statistics.read(call, prompt)
        answer = answer_input(body) if embeds else self._answerer.answer(body, prompt, how, call, number)
        pause = how.latency + how.jitter * int(call.digest[:4], 16) / 0xFFFF
        await asyncio.sleep(started + pause - asyncio.get_running_loop().time())
        if how.serves:
            self._desk = self._desk or asyncio.Semaphore(how.serves)
            async with self._desk:
                await asyncio.sleep(work_s(how, tokens(len(prompt)), answer.completion_tokens))
        return web.Response(body=answer.payload, content_type="application/json"), answer.completion_tokens

    async def _break(self, request: web.BaseRequest, number: int) -> web.Response | None:
        """Apply the fault that is due for this request, if any."""
        how = self.behaviour
        if _turn(how.drop_every, number) and request.transport is not None:
            request.transport.abort()
            return None
        if _turn(how.hang_every, number):
            await asyncio.Event().wait()
        if _turn(how.error_every, number):
            return _error(500, "The server had an error while processing your request.", "server_error")
        crowded = 0 < how.max_concurrent < self.statistics.active
        if crowded or _turn(how.rate_limit_every, number):
            response = _error(429, "Rate limit reached, please try again later.", "rate_limit_exceeded")
            response.headers["Retry-After"] = f"{how.retry_after:g}"
            return response
        return None


def _turn(every: int, number: int) -> bool:
    return every > 0 and number % every == 0


def _admit(request: web.BaseRequest, body: dict[str, object], how: Behaviour) -> None:
    """Check key, model and parameters; RequestError names the invalid one."""
    if how.key:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ") or request.headers.get("api-key", "")
        if given != how.key:
            raise RequestError(401, "Incorrect API key provided.", "invalid_api_key")
    if how.model and body.get("model") != how.model:
        raise RequestError(404, f"The model '{body.get('model')}' does not exist.", "model_not_found", "model")
    if refused := refusal(body, how):
        parameter, code, sentence = refused
        raise RequestError(400, sentence, code, parameter)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def _error(status: int, sentence: str, code: str, parameter: str | None = None) -> web.Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return _json({"error": {"message": sentence, "type": kind, "param": parameter, "code": code}}, status)


def arguments(argv: Sequence[str] | None = None) -> tuple[Behaviour, str, int]:
    """Behaviour, host and port from the command line: one flag for every field of `Behaviour`."""
    parser = argparse.ArgumentParser(prog="python -m personalrm.llm.simulated", description=BANNER)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 selects a free port, which the banner shows")
    kinds = get_type_hints(Behaviour)
    for knob in fields(Behaviour):
        flag, default = "--" + knob.name.replace("_", "-"), knob.default
        if isinstance(default, bool):
            parser.add_argument(flag, default=default, action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(flag, default=default, type=type(default), choices=get_args(kinds[knob.name]) or None)
    given = vars(parser.parse_args(argv))
    host, port = given.pop("host"), given.pop("port")
    return Behaviour(**given), host, port


async def serve(behaviour: Behaviour, host: str, port: int) -> None:
    """Serve until cancelled; the first line on stdout is the base URL."""
    async with SimulatedLLM(behaviour, host=host, port=port) as llm:
        sys.stdout.write(f"{llm.url}  ({BANNER})\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main(argv: Sequence[str] | None = None) -> None:
    """``python -m personalrm.llm.simulated``."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(*arguments(argv)))
