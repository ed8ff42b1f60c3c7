"""Where to ask, and with which key; nothing here needs an HTTP library.

Host.from_environment().chat_url                # OPENAI_BASE_URL or OpenAI's own, with /v1/chat/completions
Host("http://localhost:11434").chat_url         # http://localhost:11434/v1/chat/completions
"""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from personalrm.errors import DataError
from personalrm.llm.wire import redact

DEFAULT_URL = "https://api.openai.com/v1"
CHAT, EMBEDDINGS = "/chat/completions", "/embeddings"
DEADLINE_IN_TIMEOUTS = 2.5


@dataclass(frozen=True, slots=True)
class Host:
    """Where to ask, and with which key. The key never shows in a repr.

    ``timeout`` bounds one attempt, ``deadline`` one call with all its retries (waiting for a place in the queue not
    counted), both in seconds.
    """

    base_url: str = field(default=DEFAULT_URL, repr=False)
    api_key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    deadline: float = 300.0

    @classmethod
    def from_environment(cls, base_url: str | None = None, api_key: str | None = None, timeout: float = 120.0) -> Host:
        """The given values, else OPENAI_BASE_URL and OPENAI_API_KEY, else OpenAI's own URL. DataError if unusable."""
        url = (base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_URL).strip()
        key = (api_key or os.environ.get("OPENAI_API_KEY") or "").strip() or None
        if not _is_usable(url):
            raise DataError(f"base URL: expected http(s)://host[:port]/path, found '{redact(url, key)}'")
        if key is not None and not (key.isascii() and key.isprintable()):
            raise DataError("OPENAI_API_KEY: expected printable ASCII characters; copy the key again")
        return cls(url, key, timeout, DEADLINE_IN_TIMEOUTS * timeout)

    @property
    def chat_url(self) -> str:
        """The URL of chat completions, without user and password; a bare host gets ``/v1``."""
        return self._route(CHAT)

    @property
    def embeddings_url(self) -> str:
        """The URL of embeddings, likewise."""
        return self._route(EMBEDDINGS)

    @property
    def name(self) -> str:
        """Host and port, for messages; without any user:password that the URL may carry."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]

    def headers(self) -> dict[str, str]:
        """The headers of a request; a user and password in the URL count where no key is given."""
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
    except ValueError:  # a port that is no number, a bracket left open
        return False
