"""The upstream of chats: one OpenAI-compatible host, over persistent connections.

    async with upstream.asked(body) as answer: ...        # aiohttp's response to a request that succeeded

The host's answers and error messages are passed to the client without the service's credentials. If the host rejects
the service's own key, the client gets a 502, because only the operator can fix that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson

from personalrm.llm.host import Host
from personalrm.service.problems import Problem, later
from personalrm.service.scrubbing import EventScrubber, scrub_all

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

CONNECT_S, SILENT_S = 10.0, 120.0
MOST_STREAMED, LONGEST_EVENT = 64 << 20, 1 << 20
"""Bytes of a whole stream, and of one event."""
_SHOWN = 500
_PASSED_ON = frozenset({400, 404, 409, 413, 422})


class Upstream:
    """See the module's docstring. Bound to one event loop."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._session: ClientSession | None = None

    @asynccontextmanager
    async def asked(self, body: Mapping[str, Any]) -> AsyncIterator[ClientResponse]:
        """The response to a chat. Problem 400 to 504 if the host refuses or fails."""
        async with self._answered("POST", self._host.chat_url, orjson.dumps(body)) as answer:
            yield answer

    @asynccontextmanager
    async def listed(self) -> AsyncIterator[ClientResponse]:
        """The host's list of models. Problem 400 to 504 if the host refuses or fails."""
        async with self._answered("GET", self._host.models_url, None) as answer:
            yield answer

    @asynccontextmanager
    async def _answered(self, method: str, url: str, body: bytes | None) -> AsyncIterator[ClientResponse]:
        import aiohttp

        try:
            async with self._opened().request(
                method, url, data=body, headers=self._host.headers(), proxy=self._host.proxy, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise await self._refused(answer)
                yield answer
        except TimeoutError:
            raise later(504, "upstream-slow", f"{self._host.name} did not answer in time", 5.0) from None
        except aiohttp.ClientError:
            raise later(504, "upstream-unreachable", f"{self._host.name} cannot be reached", 5.0) from None

    async def whole(self, answer: ClientResponse, most: int, member: str = "choices") -> dict[str, Any]:
        """The JSON object of a response, without our credentials. Problem 502 if it is none, or larger than ``most``
        bytes."""
        found = await _whole(answer, most, member)
        scrub_all(found, self._host.credentials)
        return found

    async def events(self, answer: ClientResponse) -> AsyncIterator[Any]:
        """The JSON values of a stream as they arrive, without our credentials. ValueError if one is no JSON."""
        scrubber = EventScrubber(self._host.credentials)
        async for event in _events(answer):
            yield scrubber.take(orjson.loads(event))
        rest = scrubber.rest()
        if rest is not None:
            yield rest

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> ClientSession:
        if self._session is None:
            import aiohttp

            timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_read=SILENT_S)
            connector = aiohttp.TCPConnector(limit=0)  # the gate limits concurrent requests
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector, read_bufsize=1 << 18)
        return self._session

    async def _refused(self, answer: ClientResponse) -> Problem:
        said = (await answer.content.read(16_384)).decode("utf-8", "replace")
        shown = f"{self._host.name} answers {answer.status}: {self._host.credentials.scrub(_message(said))[:_SHOWN]}"
        if answer.status == 429:
            wait = answer.headers.get("Retry-After", "")
            return later(429, "upstream-busy", shown, float(wait) if wait.isdigit() and len(wait) < 6 else 2.0)
        if answer.status in (401, 403):
            detail = f"{self._host.name} refuses the key of this service"
            return Problem(502, "upstream-refused", detail, "check PERSONALRM_UPSTREAM_KEY or OPENAI_API_KEY")
        if 300 <= answer.status < 400:  # not followed: the texts and the key would go to an address nobody configured
            detail = f"{self._host.name} answers {answer.status}: it redirects to another address"
            return Problem(502, "upstream-refused", detail, "start the service with the final address as --upstream")
        if answer.status in _PASSED_ON:
            return Problem(answer.status, "upstream-refused", shown, "correct the request and send it again")
        return later(502, "upstream-failed", shown, 5.0)


async def _whole(answer: ClientResponse, most: int, member: str) -> dict[str, Any]:
    """The JSON object of a response. Problem 502 if it is none, or larger than this many bytes."""
    kept = bytearray()
    async for part in _parts(answer):
        kept += part
        if len(kept) > most:
            raise unusable("too many bytes")
    try:
        found = orjson.loads(kept)
    except orjson.JSONDecodeError:
        raise unusable("no valid JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get(member), list) or not found[member]:
        raise unusable(f"no {member}")
    if not all(isinstance(one, dict) for one in found[member]):
        raise unusable(f"{member} that are no objects")
    if member == "choices" and not all(isinstance(one.get("message"), dict) for one in found[member]):
        raise unusable("choices without a message")
    return found


async def _events(answer: ClientResponse) -> AsyncIterator[bytes]:
    """The contents of each ``data:`` line of a stream as it arrives, until ``[DONE]``."""
    kept, read = b"", 0
    async for part in _parts(answer):
        read += len(part)
        if read > MOST_STREAMED or len(kept) > LONGEST_EVENT:
            raise unusable("too many bytes")
        *lines, kept = (kept + part).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                found = line[5:].strip()
                if found == b"[DONE]":
                    return
                yield found


async def _parts(answer: ClientResponse) -> AsyncIterator[bytes]:
    import aiohttp

    try:
        async for part in answer.content.iter_any():
            yield part
    except (aiohttp.ClientError, TimeoutError):
        raise later(502, "upstream-failed", "the upstream closed the connection early", 5.0) from None


def unusable(what: str) -> Problem:
    """The problem for an answer that cannot be used."""
    return Problem(502, "upstream-unusable", f"the upstream's answer holds {what}", "try again, or ask another model")


def _message(said: str) -> str:
    try:
        found = orjson.loads(said)
        return str(found["error"]["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return said
