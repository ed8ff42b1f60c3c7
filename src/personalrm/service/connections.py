"""Connections whose request head does not arrive are closed: whoever opens many and sends little gets nowhere.

uvicorn closes a connection that is idle after a response; this is about those on which a request is begun and not
ended. The body has the time that the gate gives to a request.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 20.0
"""Seconds from the connection, or from a request's first byte, to the end of its head."""


class TimedConnection(HttpToolsProtocol):
    """See the module's docstring."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """The head of the request is there."""
        self._cancel()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._cancel()
        self._head = asyncio.get_running_loop().call_later(HEAD_S, self.transport.close)

    def _cancel(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None
