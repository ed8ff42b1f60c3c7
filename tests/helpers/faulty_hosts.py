"""A real HTTP proxy in front of the simulated LLM that corrupts some of its answers: bodies, statuses, headers, lines.

with FaultyHost(llm.url, share=0.3, seed=7) as host:
    host.url, host.faults
"""

from __future__ import annotations

import gzip
import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

from mutations import mutated_bytes, mutated_json

STATUSES = (201, 204, 301, 302, 400, 401, 403, 404, 408, 413, 418, 422, 429, 451, 500, 502, 503, 504, 529, 599, 999)
HEADERS = (
    "Retry-After: 0",
    "Retry-After: " + "9" * 5_000,
    "Retry-After: Wed, 21 Oct 100000000000000000000 07:28:00 GMT",
    "retry-after-ms: -5",
    "Retry-After: NaN",
    "Location: http://u:p@h/\x7f",
    "Content-Encoding: gzip",
    "Content-Encoding: br",
    "Content-Encoding: deflate",
    "Date: Thu, 01 Jan 1970 00:00:00 GMT",
    "x-ratelimit-remaining-requests: -1",
    "x-ratelimit-reset-requests: 0ms",
    "Content-Type: text/html; charset=\xff",
    "Set-Cookie: a=" + "b" * 4_000,
    "Transfer-Encoding: chunked",
)
Fault = Callable[[random.Random, bytes], bytes | None]


def response(body: bytes, status: int = 200, *headers: str) -> bytes:
    """The bytes of an HTTP response."""
    head = [f"HTTP/1.0 {status} Odd", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def _changed(draw: random.Random, body: bytes) -> bytes:
    try:
        return json.dumps(mutated_json(json.loads(body), draw)).encode()
    except ValueError:
        return mutated_bytes(body, draw)


def _value(draw: random.Random, body: bytes) -> bytes:
    return response(_changed(draw, body))


def _bytes(draw: random.Random, body: bytes) -> bytes:
    return response(mutated_bytes(body, draw))


def _status(draw: random.Random, body: bytes) -> bytes:
    error = {
        "error": {
            "message": draw.choice(["no", "\x1b[2J", "Basic dTpw", "x" * 9_000]),
            "code": draw.choice([None, 3, "a"]),
        }
    }
    return response(draw.choice([body, b"", b"<html>", json.dumps(error).encode()]), draw.choice(STATUSES))


def _header(draw: random.Random, body: bytes) -> bytes:
    return response(body, draw.choice([200, 200, 429, 503, 302]), draw.choice(HEADERS))


def _line(draw: random.Random, body: bytes) -> bytes | None:
    whole = response(body)
    return draw.choice(
        [None, b"", b"\x00" * 50, b"HTTP/1.0 abc\r\n\r\n", whole[: len(whole) // 2], whole[:12], b"SSH-2.0-x\r\n",
         response(body, 200, f"X: {'y' * 70_000}"), b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + whole]
    )  # fmt: skip


def _large(draw: random.Random, body: bytes) -> bytes:
    if draw.random() < 0.5:
        return response(gzip.compress(b" " * 30_000_000, 1), 200, "Content-Encoding: gzip")
    return response(b'{"choices": [' + b"[" * draw.choice([2_000, 200_000]))


FAULTS: tuple[Fault, ...] = (_value, _value, _value, _value, _bytes, _bytes, _status, _status, _header, _line, _large)


class FaultyHost:
    """Serves from a thread; corrupts a ``share`` of the answers, drawn by ``seed`` and the number of the request."""

    def __init__(self, upstream: str, share: float = 0.3, faults: Sequence[Fault] = FAULTS) -> None:
        self._upstream, self.share, self.seed = urlsplit(upstream), share, 0
        self.requests, self._faults = 0, faults
        self._active = 0
        self.kinds: Counter[str] = Counter()
        self._counting = threading.Lock()

    @property
    def faults(self) -> int:
        """Number of corrupted answers."""
        return self.kinds.total()

    def heal(self) -> None:
        """Corrupt nothing any more, once nothing is in flight: a later run would join a request that is."""
        ends = time.monotonic() + 60
        while self._active and time.monotonic() < ends:
            time.sleep(0.01)
        self.share = 0.0

    def __enter__(self) -> FaultyHost:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.answer(self)

            def do_GET(self) -> None:
                owner.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        """Forward the request to the simulated LLM, and send its answer or a corrupted one."""
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        with self._counting:
            self.requests += 1
            self._active += 1
            draw = random.Random(f"{self.seed}/{self.requests}")
        try:
            self._send(asked, body, draw)
        finally:
            with self._counting:
                self._active -= 1

    def _send(self, asked: BaseHTTPRequestHandler, body: bytes, draw: random.Random) -> None:
        status, good = self._good(asked, body)
        fault = draw.choice(self._faults) if draw.random() < self.share else None
        spoiled = response(good, status) if fault is None else fault(draw, good)
        if fault is not None:
            with self._counting:
                self.kinds[fault.__name__.strip("_")] += 1
            if draw.random() < 0.03:
                time.sleep(0.3)
        asked.close_connection = True
        if spoiled is None:
            return
        try:
            asked.wfile.write(spoiled)
        except OSError:  # the client has disconnected
            return

    def _good(self, asked: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        line = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=30)
        try:
            line.request(asked.command, asked.path, body, {"Content-Type": "application/json"})
            found = line.getresponse()
            return found.status, found.read()
        finally:
            line.close()
