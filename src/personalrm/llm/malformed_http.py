r"""Answers in malformed HTTP: the answer was made and is paid for, so it is read if it is complete.

salvaged(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{\"choices\": []}", 1 << 20).body      # b'{"choices": []}'

aiohttp rejects a wrong or doubled Content-Length, bytes after the end, broken chunk sizes and header lines that it does
not know, and tells nothing of what it read. `RememberingProtocol` keeps the bytes of the current response.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from aiohttp import ClientPayloadError
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from personalrm.llm.unpacking import Decompressor, TooLong, unknown_coding

KEPT = 4 << 20
"""Maximum bytes of a response that are kept; a longer one is not salvaged."""
_LONGEST_SIZE = 100
"""Maximum bytes read of the line with a chunk's size."""
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})")
_END = re.compile(rb"\r?\n\r?\n")


class Salvaged(NamedTuple):
    """Status, headers and decompressed body of a malformed response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class RememberingProtocol(ResponseHandler):
    """aiohttp's protocol, which adds the bytes received so far to the error of a malformed response."""

    def __init__(self, loop: Any) -> None:
        super().__init__(loop)
        self._received = bytearray()

    def set_response_params(self, **how: Any) -> None:
        """Begin with the next response."""
        self._received.clear()
        super().set_response_params(**how)

    def data_received(self, data: bytes) -> None:
        """Keep the bytes, and parse them."""
        if len(self._received) <= KEPT:
            self._received += data
        super().data_received(data)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Add the bytes to an error of the parser, and end a body that waits for more."""
        if isinstance(exc, HttpProcessingError):
            exc.received = bytes(self._received)  # type: ignore[attr-defined]
            if self._payload is not None and not self._payload.is_eof():
                self._payload.set_exception(ClientPayloadError("malformed"))
        super().set_exception(exc, *cause)


def received_with(error: BaseException) -> bytes:
    """Return the bytes of the malformed response behind an error; empty if it is another error."""
    found = getattr(error.__cause__, "received", b"")
    return found if isinstance(found, bytes) and len(found) <= KEPT else b""


def is_whole(body: bytes) -> bool:
    """Return whether a body is complete JSON, or a stream up to its end mark."""
    stripped = body.strip()
    try:
        orjson.loads(stripped)
    except orjson.JSONDecodeError:
        return stripped.endswith(b"data: [DONE]")
    return True


def salvaged(received: bytes, most: int) -> Salvaged | None:
    """Return the response in these bytes if it is complete, or an error; None otherwise."""
    start = 0
    while True:
        status, end = _STATUS.match(received, start), _END.search(received, start)
        if status is None or end is None:
            return None
        if not status[1].startswith(b"1"):
            break
        start = end.end()  # after an informational response
    headers, rest = _headers(received[start : end.start()]), received[end.end() :]
    try:
        body = _body(headers, rest, most)
    except (zlib.error, TooLong):
        return None
    found = Salvaged(int(status[1]), headers, body)
    return found if found.status >= 400 or is_whole(body) else None


def _headers(head: bytes) -> CIMultiDict[str]:
    lines = (line.partition(b":") for line in head.splitlines()[1:])
    return CIMultiDict((name.strip().decode("latin-1"), value.strip().decode("latin-1")) for name, _, value in lines)


def _body(headers: Mapping[str, str], rest: bytes, most: int) -> bytes:
    coding = headers.get("Content-Encoding", "")
    length = headers.get("Content-Length", "")
    if "chunked" in headers.get("Transfer-Encoding", "").lower():
        rest = _without_sizes(rest)
    elif length.isdecimal() and is_whole(rest[: int(length[:9])]):
        rest = rest[: int(length[:9])]
    return rest if unknown_coding(coding) else Decompressor(coding, most).feed(rest)


def _without_sizes(rest: bytes) -> bytes:
    """The chunks up to the last one, or to the first whose size cannot be read."""
    parts, at = [], 0
    while at < len(rest):
        end = rest.find(b"\n", at)
        line = rest[at : end if end >= 0 else len(rest)]
        try:
            size = int(line[:_LONGEST_SIZE].partition(b";")[0].strip(), 16)
        except ValueError:
            break
        if size <= 0 or end < 0:
            break
        parts.append(rest[end + 1 : end + 1 + size])
        at = end + 1 + size
        at += rest.startswith(b"\r", at)
        at += rest.startswith(b"\n", at)
    return b"".join(parts)
