"""HTTP POST to one URL over aiohttp. Errors of aiohttp are converted here and nowhere else.

An answer is read and decompressed in chunks, so that an endless body or a gzip bomb ends at ``max_body`` bytes,
whatever its headers state.

transport = Transport(host, host.chat_url)
response = await transport.post(b'{"model": ...}', seconds=30.0)
response.status, response.body
"""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
from yarl import URL

from personalrm.errors import EndpointRefused
from personalrm.llm.host import Host
from personalrm.llm.malformed_http import RememberingProtocol, is_whole, received_with, salvaged
from personalrm.llm.unpacking import Decompressor, TooLong, unknown_coding
from personalrm.renamed import renamed

CONNECT_S = 10.0
LARGE_BODY = 1 << 20
"""aiohttp warns about larger bodies sent in one piece."""


@dataclass(frozen=True, slots=True)
class Response:
    """Status, headers and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AttemptFailed(Exception):
    """A fault of one attempt; becomes a package error when all attempts are used up, at once if it is ``final``."""

    def __init__(
        self,
        said: str,
        *,
        overload: bool = False,
        dead: bool = False,
        unusable: bool = False,
        final: bool = False,
        unexplained: bool = False,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(said)
        self.said, self.overload, self.dead, self.unusable = said, overload, dead, unusable
        self.final, self.unexplained = final, unexplained
        self.retry_after = retry_after

    @property
    def kind(self) -> str:
        """Description for logs without the host's message, which may repeat a prompt."""
        return "no answer" if self.dead else "an unusable answer" if self.unusable else "an error of the host"


class BadRequest(Exception):
    """The host refuses this form of the request (400, 413, 422); `HttpClient.refused` converts it.

    ``unexplained``: it answers 500 to this form, without a reason.
    """

    def __init__(self, status: int, said: str, *, unexplained: bool = False) -> None:
        super().__init__(said)
        self.status, self.said, self.unexplained = status, said, unexplained


class Transport:
    """Connections to one URL, opened at the first request. Belongs to one event loop."""

    def __init__(self, host: Host, url: str) -> None:
        self._host = host
        self._session: aiohttp.ClientSession | None = None
        self._url = URL(url)

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(self, body: bytes, allowed: Callable[[], float]) -> Response:
        """Send the request and return the answer.

        Args:
            body: the request.
            allowed: seconds that the answer may take; called again when they have passed, since it may have grown.

        Raises:
            AttemptFailed: no answer.
            EndpointRefused: the host cannot be used at all.
        """
        return await self.send("POST", self._url, body, allowed)

    async def send(self, method: str, url: URL, body: bytes | None, allowed: Callable[[], float]) -> Response:
        """`post` with another method or to another URL of the same host, which gets the same credentials."""
        session = self._session or self._open()
        data = io.BytesIO(body) if body is not None and len(body) >= LARGE_BODY else body
        try:
            with _Deadline(allowed) as deadline:
                async with session.request(method, url, data=data, allow_redirects=False) as response:
                    return Response(response.status, response.headers, await _read(response, self._host.max_body))
        except aiohttp.ConnectionTimeoutError:
            raise AttemptFailed(f"no connection within {CONNECT_S:.0f} s", dead=True) from None
        except TimeoutError:
            raise AttemptFailed(f"no answer within {deadline.seconds:.3g} s") from None
        except (aiohttp.InvalidURL, UnicodeError) as error:
            said = self._host.credentials.scrub(str(error))
            raise EndpointRefused(f"the URL of {self._host.name} cannot be used: {said}") from None
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or "not valid"
            raise EndpointRefused(f"the certificate of {self._host.name} is refused: {why}") from None
        except aiohttp.ClientConnectorError as error:
            raise AttemptFailed(f"cannot connect ({_reason(error.os_error)})", dead=True) from None
        except aiohttp.ClientResponseError as error:
            received = received_with(error)
            found = salvaged(received, self._host.max_body)
            if found is not None:
                return Response(*found)
            begun = b" 2" in received[:12]
            raise AttemptFailed(f"the connection broke ({type(error).__name__})", unusable=begun) from None
        except (aiohttp.ClientError, OSError) as error:
            raise AttemptFailed(f"the connection broke ({type(error).__name__})") from None

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, socket_factory=_socket)
        if hasattr(connector, "_factory"):  # private: without it, malformed answers are errors
            factory: Any = partial(RememberingProtocol, asyncio.get_running_loop())
            connector._factory = factory
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            headers={**self._host.headers(), "Accept-Encoding": "gzip, deflate"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent",),
            proxy=self._host.proxy,  # determined once: aiohttp's trust_env would do it for every request, in a thread
        )
        return self._session


class _Deadline:
    """An `asyncio.timeout` whose limit is evaluated again when it expires; not built on one, whose coroutines take
    time in every call."""

    __slots__ = ("_allowed", "_cancelling", "_expired", "_handle", "_loop", "_started", "_task", "seconds")

    def __init__(self, allowed: Callable[[], float]) -> None:
        self._allowed = allowed
        self._expired = False

    def __enter__(self) -> _Deadline:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request must be sent from a task")
        self._task, self._cancelling = task, task.cancelling()
        self._loop = asyncio.get_running_loop()
        self._started = now = self._loop.time()
        self.seconds = self._allowed()
        self._handle = self._loop.call_at(now + self.seconds, self._watch)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._handle.cancel()
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _watch(self) -> None:
        self.seconds = self._allowed()
        until = self._started + self.seconds
        if until > self._loop.time():
            self._handle = self._loop.call_at(until, self._watch)
        else:
            self._expired = True
            self._task.cancel()


def _socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket with TCP keep-alive, so that a host that disappeared is detected within a minute."""
    made = socket.socket(family=address[0], type=address[1], proto=address[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body after decompression.

    Raises:
        AttemptFailed: it is longer than ``most`` bytes or cannot be decompressed.
    """
    coding = response.headers.get("Content-Encoding", "")
    unknown = unknown_coding(coding)
    if unknown is not None:
        said = f"the answer is encoded as '{unknown[:20]}', which was not requested"
        raise AttemptFailed(said, unusable=True, final=True)
    unpacker, pieces = Decompressor(coding, most), list[bytes]()
    try:
        async for piece in response.content.iter_any():
            pieces.append(unpacker.feed(piece))
    except aiohttp.ClientPayloadError:
        body = b"".join(pieces)
        if is_whole(body) or response.status >= 400:
            return body
        said = "the connection broke in the middle of the answer"
        raise AttemptFailed(said, unusable=200 <= response.status < 300) from None
    except zlib.error:
        raise AttemptFailed("the answer cannot be decompressed", unusable=True) from None
    except TooLong:
        raise AttemptFailed(f"the answer is longer than {most >> 20 or 1} MB", unusable=True) from None
    return b"".join(pieces)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "no TLS there" if error.reason == "WRONG_VERSION_NUMBER" else str(error.reason)
    return error.strerror or str(error)


__getattr__ = renamed(__name__, {"Passing": "AttemptFailed"})
