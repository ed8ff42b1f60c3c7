"""JSON client of a feedback host's HTTP API: bounded bodies, retries, no redirects, no credential in any message.

    api = Api(ApiHost("https://feedback.example", api_key="…", header="X-API-Key"), "LANGSMITH_API_KEY")
    page = await api.get("/api/v1/feedback", {"limit": 100})
    await api.aclose()

Connections, limits and scrubbing are those of `personalrm.llm.transport` and `personalrm.llm.credentials`.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
from yarl import URL

from personalrm.errors import EndpointRefused, Unreachable, UnusableResponse
from personalrm.llm.complaints import complaint, one_line, short
from personalrm.llm.credentials import Credentials
from personalrm.llm.host import Host
from personalrm.llm.http_client import TRIES, TRIES_AT_START, jittered
from personalrm.llm.retry_after import wait_asked
from personalrm.llm.transport import AttemptFailed, Response, Transport

MOST_BYTES = 256 << 20
"""Maximum size of a response: Open WebUI sends all feedback, with the chats, in one."""
CONCURRENCY = 8
MOST_OVERLOADS = 40
"""Maximum overload responses (429, 503, 529) per request; after each, the wait is as long as the host asks."""
Query = Mapping[str, Any]
"""Query parameters: strings, numbers, or lists for a parameter that is repeated."""


@dataclass(frozen=True)
class ApiHost(Host):
    """URL of a feedback host and how its key is sent.

    Attributes:
        header: name of the header with the key.
        scheme: word before the key in that header; ``Basic`` takes a key ``user:password``.
    """

    header: str = field(default="Authorization", kw_only=True)
    scheme: str = field(default="Bearer", kw_only=True)

    @cached_property
    def credentials(self) -> Credentials:
        """The key, its parts and its encoded form, and the credentials in the URLs of the host and the proxy."""
        key = self.api_key or ""
        parts = [Credentials.of(one) for one in (key, *key.split(":"), b64encode(key.encode()).decode()) if one]
        parts.append(Credentials.of(None, self.base_url, self.proxy))
        return Credentials.of_forms(one for part in parts for one in (*part.long, *part.short))

    def headers(self) -> dict[str, str]:
        """The headers of a request; without a key, the user and password of the URL are used."""
        if not self.api_key:
            return super().headers()
        key = b64encode(self.api_key.encode()).decode() if self.scheme == "Basic" else self.api_key
        said = f"{self.scheme} {key}".strip()
        return {"Content-Type": "application/json", "Accept": "application/json", self.header: said}

    def url_of(self, path: str, query: Query) -> URL:
        """The URL of a path below the base URL, without user and password."""
        parts = urlsplit(self.base_url)
        base = URL(urlunsplit((parts.scheme, self.name, parts.path.rstrip("/") + path, "", "")))
        return base.with_query(
            [
                (name, str(one))
                for name, value in query.items()
                for one in (value if isinstance(value, list) else [value])
            ]
        )


class Api:
    """The JSON API of one host. Belongs to one event loop.

    Args:
        host: URL and key.
        variables: names of the environment variables that hold the key, for messages.
    """

    def __init__(self, host: ApiHost, variables: str) -> None:
        self.host, self._variables = host, variables
        self._transport = Transport(host, host.base_url)
        self._places = asyncio.Semaphore(CONCURRENCY)
        self._paused_until = 0.0
        self._has_answered = False

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def get(self, path: str, query: Query | None = None, *, or_none: bool = False) -> Any:
        """The JSON at a path.

        Args:
            query: query parameters.
            or_none: return None instead of raising if the host has no such path (404, 405, 410).

        Raises:
            EndpointRefused: wrong key, no such path, or a redirect (the key is not sent to another host).
            Unreachable, UnusableResponse: no response, or none in JSON, after all retries.
        """
        return await self._request("GET", path, query or {}, None, or_none)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON response to a JSON body; errors as for `get`."""
        return await self._request("POST", path, {}, orjson.dumps(body), False)

    async def _request(self, method: str, path: str, query: Query, body: bytes | None, or_none: bool) -> Any:
        url, faults, overloads = self.host.url_of(path, query), 0, 0
        while True:
            await self._pause()
            try:
                async with self._places:
                    response = await self._transport.send(method, url, body, lambda: self.host.timeout)
                return self._read(response, path, or_none)
            except AttemptFailed as fault:
                overloads += fault.overload
                faults += not fault.overload
                tries = TRIES if self._has_answered or not (fault.dead or fault.unusable) else TRIES_AT_START
                if faults >= tries or overloads >= MOST_OVERLOADS or fault.retry_after > self.host.deadline:
                    raise self._given_up(fault, faults + overloads) from None
                wait = max(fault.retry_after, jittered(max(faults, 1)))
                if fault.overload:  # for all requests: the others would be refused as well
                    self._paused_until = asyncio.get_running_loop().time() + wait
                else:
                    await asyncio.sleep(wait)

    async def _pause(self) -> None:
        """Wait until the pause that the host asked for has passed."""
        while True:
            left = self._paused_until - asyncio.get_running_loop().time()
            if left <= 0:
                return
            await asyncio.sleep(left)

    def _read(self, response: Response, path: str, or_none: bool) -> Any:
        status, host = response.status, self.host
        if status == 200:
            self._has_answered = True
            return self._parsed(response.body)
        if or_none and status in (404, 405, 410):
            self._has_answered = True
            return None
        said = complaint(response.body, host.credentials)
        if 300 <= status < 400:
            other = one_line(response.headers.get("Location", "another URL"), host.credentials, 200)
            raise EndpointRefused(f"{host.name} has moved ({status}): give the URL of {other}")
        if status in (429, 503, 529):
            said = f"overloaded ({status}): {said}"
            raise AttemptFailed(said, overload=True, retry_after=wait_asked(response.headers))
        if status in (408, 409, 425) or status >= 500:
            raise AttemptFailed(f"fault of the host ({status}): {said}", retry_after=wait_asked(response.headers))
        if status in (401, 403):
            refuses = "refuses the key" if host.api_key else "requires a key"
            raise EndpointRefused(f"{host.name} {refuses} ({status}): {said}; set {self._variables} to a valid one")
        raise EndpointRefused(f"{host.name} refuses {path} ({status}): {said}")

    def _parsed(self, body: bytes) -> Any:
        """The JSON of a response with credentials masked, in case the host echoes one.

        Only whole credentials are masked: parts of a key made of words also occur in users' texts.
        """
        try:
            text = body.decode()
            if "\\u" in text or "\\/" in text:  # a key may be written with JSON escapes
                text = orjson.dumps(orjson.loads(text)).decode()
            return orjson.loads(self.host.credentials.scrub_whole(text))
        except (UnicodeDecodeError, orjson.JSONDecodeError):
            said = f"answers with something other than JSON: {short(body, self.host.credentials)}"
            raise AttemptFailed(said, unusable=True) from None

    def _given_up(self, fault: AttemptFailed, tries: int) -> Exception:
        name = self.host.name
        if fault.unusable:
            return UnusableResponse(f"{name} {fault.said}")
        if fault.dead and not self._has_answered:
            return Unreachable(f"{name} cannot be reached: {fault.said}; check --url")
        asks = f" and asks to wait {fault.retry_after:,.0f} s" if fault.retry_after else ""
        return Unreachable(
            f"{name} gave no answer in {tries} tries: {fault.said}{asks}; the feedback pulled so far is kept: "
            "run the same command again to resume"
        )
