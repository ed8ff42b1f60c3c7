"""URL and key of a host; nothing here needs an HTTP library.

Host.from_environment().chat_url                # OPENAI_BASE_URL or OpenAI's own, with /v1/chat/completions
Host("http://localhost:11434").chat_url         # http://localhost:11434/v1/chat/completions
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote, urlsplit, urlunsplit

from personalrm.errors import DataError
from personalrm.llm.credentials import Credentials, without_user

DEFAULT_URL = "https://api.openai.com/v1"
CHAT, EMBEDDINGS, MODELS = "/chat/completions", "/embeddings", "/models"
DEADLINE_IN_TIMEOUTS = 2.5
MAX_BODY = 16 << 20
"""Maximum bytes of one answer after decompression; a chat completion takes a few thousand."""
_HIDDEN_USER = re.compile(r"\A[^:/]{0,20}://[^/?#@]*:\d*[/?#].*[^/]@")
"""A colon before and an @ after the end of the host's name: a password that would be parsed as port and path."""


@dataclass(frozen=True)
class Host:
    """URL and key of a host. The key is hidden in the repr.

    ``timeout`` bounds one attempt, ``deadline`` one call with all its retries (without the wait in the queue), both in
    seconds. ``max_body`` bounds an answer, in bytes after decompression.
    """

    base_url: str = field(default=DEFAULT_URL, repr=False)
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    deadline: float = 300.0
    max_body: int = MAX_BODY

    @classmethod
    def from_environment(
        cls,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float = 120.0,
        max_body: int = MAX_BODY,
    ) -> Host:
        """Return the given host, else that of OPENAI_BASE_URL and OPENAI_API_KEY, else OpenAI. DataError if invalid."""
        url = (base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL).strip()
        key = (api_key or os.environ.get("OPENAI_API_KEY") or "").strip() or None
        if not _is_usable(url):
            shown = Credentials.of(key).scrub(without_user(url))
            raise DataError(f"base URL: expected http(s)://host[:port]/path, found '{shown}'")
        if _HIDDEN_USER.search(url):
            raise DataError("base URL: a user or password in it holds '/', '?' or '#': write them as %2F, %3F, %23")
        if key is not None and not (key.isascii() and key.isprintable()):
            raise DataError("OPENAI_API_KEY: expected printable ASCII characters; copy the key again")
        return cls(url, key, timeout, DEADLINE_IN_TIMEOUTS * timeout, max_body)

    @cached_property
    def proxy(self) -> str | None:
        """The proxy for this URL according to the environment."""
        from urllib.request import getproxies, proxy_bypass  # takes 20 ms; only needed for requests

        parts = urlsplit(self.base_url)
        return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)

    @cached_property
    def credentials(self) -> Credentials:
        """All secrets of this host: key, URL, proxy and their encoded forms."""
        return Credentials.of(self.api_key, self.base_url, self.proxy)

    @property
    def chat_url(self) -> str:
        """The URL of chat completions, without user and password; a bare host gets ``/v1``."""
        return self._route(CHAT)

    @property
    def embeddings_url(self) -> str:
        """The URL of embeddings, without user and password."""
        return self._route(EMBEDDINGS)

    @property
    def models_url(self) -> str:
        """The URL of the list of models, without user and password."""
        return self._route(MODELS)

    def root_url(self, path: str) -> str:
        """Return a path at the server's root, beside ``/v1``, without user and password."""
        parts = urlsplit(self.base_url)
        root = parts.path.rstrip("/").removesuffix(CHAT).removesuffix("/v1")
        return urlunsplit((parts.scheme, self.name, root + path, parts.query, ""))

    @property
    def scope(self) -> str:
        """Identifier of this host in cache keys: the URL of chat completions without its query."""
        return self.chat_url.partition("?")[0].lower()

    @property
    def name(self) -> str:
        """Host and port for messages, without user and password."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def headers(self) -> dict[str, str]:
        """The headers of a request; user and password in the URL are used if there is no key."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        user = urlsplit(self.base_url).netloc.rpartition("@")[0]
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
            if self.name.partition(":")[0].endswith(".azure.com"):
                headers["api-key"] = self.api_key
        elif user:
            headers["Authorization"] = f"Basic {b64encode(unquote(user).encode()).decode()}"
        return headers

    def _route(self, ending: str) -> str:
        parts = urlsplit(self.base_url)
        path = parts.path.rstrip("/").removesuffix(CHAT).removesuffix(EMBEDDINGS) or "/v1"
        return urlunsplit((parts.scheme, self.name, path + ending, parts.query, ""))


def _is_usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port, an unclosed bracket
        return False
