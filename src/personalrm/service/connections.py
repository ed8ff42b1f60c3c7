"""HTTP/1.1 as uvicorn reads it, with limits: many open connections that send little, and endless heads, are ended.

uvicorn closes a connection that is idle after a response; this is about those on which a request is begun and not
ended, and about heads that do not end. The body has the time and the size that the gate gives to a request. What is
no valid request is answered with a problem, as everything else, and the connection is closed.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from personalrm.service.problems import Problem

HEAD_S = 20.0
"""Seconds from the connection, or from a request's first byte, to the end of its head."""
HEAD_BYTES = 64 << 10
"""Size of a head from which it is refused; up to one read of the socket more is accepted."""


class TimedConnection(HttpToolsProtocol):
    """See the module's docstring."""

    _head: asyncio.TimerHandle | None = None
    _begun = False
    _read = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived; refuse a head that is too long."""
        awaited = self._head
        super().data_received(data)
        if awaited is not None and self._head is not None:
            self._read += len(data)
            if self._read > HEAD_BYTES and not self.transport.is_closing():
                detail = f"the request's line and headers are longer than {HEAD_BYTES} bytes"
                self._refuse(Problem(431, "head-too-large", detail, "send texts in the body"))

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request; `uvicorn` would send plain text."""
        detail = "this is not a valid HTTP/1.1 request"
        way_out = "send each length once, as Content-Length or as chunks, and no line folding or control characters"
        self._refuse(Problem(400, "invalid-http", detail, way_out))

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._await_head()
        self._begun = True

    def on_headers_complete(self) -> None:
        """The headers are complete."""
        self._cancel()
        super().on_headers_complete()

    def _refuse(self, problem: Problem) -> None:
        self._cancel()
        answer = problem.response()
        lines = [f"HTTP/1.1 {problem.status} {problem.phrase}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + bytes(answer.body))
        self.transport.close()

    def _late(self) -> None:
        if self._begun and not self.transport.is_closing():
            detail = f"the request's headers took more than {HEAD_S:g} s"
            self._refuse(Problem(408, "too-slow", detail, "send the request again"))
        self.transport.close()

    def _await_head(self) -> None:
        self._cancel()
        self._head = asyncio.get_running_loop().call_later(HEAD_S, self._late)

    def _cancel(self) -> None:
        self._read, self._begun = 0, False
        if self._head is not None:
            self._head.cancel()
            self._head = None
