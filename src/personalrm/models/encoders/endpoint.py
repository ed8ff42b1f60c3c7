"""Embeddings from an OpenAI-compatible ``/embeddings`` endpoint.

    encoder = EndpointEncoder("text-embedding-3-small")                  # OPENAI_BASE_URL and OPENAI_API_KEY
    encoder.embed(["Ten minutes in boiling water."]).shape               # (1, 1536)

Only the response is embedded, which is what such models are made for. Requests run concurrently in the background
event loop; the name holds a hash of the URL, because one model name may mean different weights at different hosts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from personalrm.errors import DataError
from personalrm.llm import background_loop
from personalrm.llm.host import DEFAULT_URL, Host
from personalrm.models.encoders.base import CutTexts, Flags, Vectors, unit
from personalrm.preferences import Message

if TYPE_CHECKING:
    from personalrm.llm.embeddings import Embeddings, EmbeddingsEndpoint


class EndpointEncoder:
    """One embedding model at one host.

    Args:
        model: the model's name at the host.
        base_url: None takes OPENAI_BASE_URL, else OpenAI's.
        api_key: None takes OPENAI_API_KEY.
        concurrency: maximum requests in flight.
        timeout: seconds per attempt.

    Raises:
        DataError: no endpoint is configured.
    """

    def __init__(
        self,
        model: str,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        concurrency: int = 64,
        timeout: float = 120.0,
    ) -> None:
        self._model, self._concurrency = model, concurrency
        self._host = Host.from_environment(base_url, api_key, timeout)
        if self._host.api_key is None and self._host.base_url == DEFAULT_URL:
            raise DataError("no endpoint for the encoder: set OPENAI_API_KEY, or give a URL: endpoint:MODEL@URL")
        self._width = 0
        self._cut = CutTexts()
        self._opened: tuple[int, EmbeddingsEndpoint] | None = None

    @property
    def name(self) -> str:
        """Model and a hash of the URL."""
        place = blake2b(self._host.embeddings_url.encode(), digest_size=4).hexdigest()
        return f"endpoint:{self._model}:{place}"

    @property
    def width(self) -> int:
        """Dimension of a vector; one word is embedded to find it out if nothing has been yet."""
        if not self._width:
            self.embed(["width"])
        return self._width

    @property
    def truncated(self) -> int:
        """Number of distinct texts that the host found too long, so far."""
        return len(self._cut)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, width). Raises EndpointError."""
        return self.mark(texts)[0]

    def text(self, context: Sequence[Message], response: str) -> str:
        """The response."""
        return response

    def mark(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        """Unit vectors (n, width), and which texts were truncated (n,). Raises EndpointError."""
        if not texts:
            return np.zeros((0, self.width), np.float32), np.zeros(0, bool)
        found = background_loop.run(self._ask(texts))
        self._width = self._width or found.vectors.shape[1]
        self._cut.note(texts, found.cut)
        return unit(found.vectors), found.cut

    async def _ask(self, texts: Sequence[str]) -> Embeddings:
        return await self._endpoint().embed(texts)

    def _endpoint(self) -> EmbeddingsEndpoint:
        """Opened in the background loop, and again in a forked child, which has its own loop."""
        from personalrm.llm.embeddings import EmbeddingsEndpoint  # aiohttp, 0.2 s
        from personalrm.llm.scheduler import Scheduler

        if self._opened is None or self._opened[0] != os.getpid():
            endpoint = EmbeddingsEndpoint(self._model, self._host, Scheduler(self._concurrency))
            self._opened = os.getpid(), endpoint
            background_loop.close_after(self, endpoint.aclose)
        return self._opened[1]
