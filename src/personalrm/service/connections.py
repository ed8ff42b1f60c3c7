"""Closes connections whose request headers do not arrive in time (slow-loris attacks).

uvicorn itself closes connections that are idle after a response; this module handles incomplete requests. The time for
the body is limited by the gate.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 20.0
"""Maximum seconds from the connection, or from a request's first byte, to the end of the headers."""


class TimedConnection(HttpToolsProtocol):
    """See the module's docstring."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """The headers are complete."""
        self._cancel()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._cancel()
        self._head = asyncio.get_running_loop().call_later(HEAD_S, self.transport.close)

    def _cancel(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
