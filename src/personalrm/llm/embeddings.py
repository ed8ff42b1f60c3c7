"""Text embeddings from an OpenAI-compatible host (``POST /embeddings``), with the retries and errors of chats.

A request holds at most 64 texts and about 8,000 tokens; the scheduler bounds the requests in flight. The first request
is sent alone, so that a wrong key fails once. Hosts refuse a text that exceeds the model's context: such a text is
halved, keeping its beginning, until it is accepted.

    endpoint = EmbeddingsEndpoint("text-embedding-3-small", Host.from_environment(), Scheduler(64))
    found = await endpoint.embed(["Ten minutes in boiling water.", "I can't help."])
    found.vectors.shape, found.cut                  # (2, 1536), array([False, False]); not normalised
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from personalrm.errors import RequestRefused, UnusableResponse
from personalrm.llm.complaints import ErrorInside, short, status_inside
from personalrm.llm.credentials import NO_CREDENTIALS, Credentials
from personalrm.llm.endpoint import NULL_OBSERVER
from personalrm.llm.gather import gather
from personalrm.llm.host import Host
from personalrm.llm.host_json import load_json
from personalrm.llm.http_client import HttpClient
from personalrm.llm.scheduler import Scheduler
from personalrm.llm.transport import BadRequest
from personalrm.llm.wire import CHARACTERS_A_TOKEN

MOST_TEXTS = 64
MOST_CHARACTERS = 8_000 * CHARACTERS_A_TOKEN
SHORTEST_CUT = 256
"""Minimum characters; a text refused at this length is refused for another reason."""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors (n, width) in the order of the texts, and a mask (n,) of truncated texts."""

    vectors: NDArray[np.float32]
    cut: NDArray[np.bool_]


class EmbeddingsEndpoint:
    """One embedding model at one host. Belongs to one event loop.

    Args:
        model: the model's name at the host.
        host: URL and key.
        scheduler: bounds the requests in flight.
    """

    def __init__(self, model: str, host: Host, scheduler: Scheduler) -> None:
        self._model = model
        self._client = HttpClient(model, host, host.embeddings_url, scheduler, read_embeddings)
        self._host = host
        self._width = 0

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Return all vectors.

        Raises:
            RequestRefused: a text is at fault.
            EndpointRefused, Unreachable, UnusableResponse: the host does not answer, or not with embeddings.
        """
        waiting = list(_batches([one.encode("utf-8", "replace").decode() or " " for one in texts]))
        first = [await self._ask(one) for one in waiting[: not self._width]]
        parts = first + await gather(self._ask(one) for one in waiting[len(first) :])
        if not parts:
            return Embeddings(np.zeros((0, self._width), np.float32), np.zeros(0, bool))
        return _joined(parts)

    async def aclose(self) -> None:
        """Close the connections; the next request opens new ones."""
        await self._client.aclose()

    async def _ask(self, texts: Sequence[str]) -> Embeddings:
        """One request; a refused batch is halved, a refused single text is truncated to half."""
        try:
            return Embeddings(await self._send(texts), np.zeros(len(texts), bool))
        except RequestRefused:
            if len(texts) == 1:
                if len(texts[0]) <= SHORTEST_CUT:
                    raise
                shorter = await self._ask([texts[0][: len(texts[0]) // 2]])
                return Embeddings(shorter.vectors, np.ones(1, bool))
        middle = len(texts) // 2
        return _joined(await gather(self._ask(half) for half in (texts[:middle], texts[middle:])))

    async def _send(self, texts: Sequence[str]) -> NDArray[np.float32]:
        def body() -> tuple[bytes, int]:
            return orjson.dumps({"model": self._model, "input": texts}), 0

        try:
            vectors = await self._client.persist(body, NULL_OBSERVER)
        except BadRequest as refusal:
            raise self._client.refused(refusal) from None
        if len(vectors) != len(texts):
            raise UnusableResponse(f"{self._host.name} answered {len(texts)} texts with {len(vectors)} embeddings")
        width = self._width = self._width or vectors.shape[1]
        if vectors.shape[1] != width:
            raise UnusableResponse(
                f"{self._host.name} gave embeddings of {width} numbers before, now of {vectors.shape[1]}"
            )
        return vectors


def read_embeddings(
    body: bytes, request_characters: int, credentials: Credentials = NO_CREDENTIALS
) -> NDArray[np.float32]:
    """Return the vectors (n, width) of an answer, n ≥ 1.

    Raises:
        UnusableResponse: not a list of embeddings, or of different widths, in another order, or with NaN.
        ErrorInside: the answer is an error.
    """
    try:
        answer = load_json(body)
        data = answer.get("data")
        if not data and answer.get("error"):
            raise ErrorInside(status_inside(answer["error"]))
        order = [one["index"] for one in data]
        rows = [one["embedding"] for one in data]
        widths = {len(one) for one in rows if isinstance(one, list)}
        if not widths or not all(isinstance(one, list) for one in rows):
            raise TypeError
    except (ValueError, LookupError, TypeError, AttributeError):
        said = short(body, credentials)
        raise UnusableResponse(f"the host answered with something that is not a list of embeddings: {said}") from None
    if order != list(range(len(rows))):
        raise UnusableResponse("the host gave embeddings in another order than the texts (their index says so)")
    if len(widths) > 1 or 0 in widths:
        raise UnusableResponse(f"the host gave embeddings of different widths: {', '.join(map(str, sorted(widths)))}")
    return _numbers(rows)


def _numbers(rows: list[list[Any]]) -> NDArray[np.float32]:
    try:
        given = np.array(rows)
    except ValueError:  # a list among the numbers
        given = np.array(["no number"])
    if given.dtype.kind not in "fiu":
        raise UnusableResponse("the host returned embeddings with values that are not numbers")
    with np.errstate(over="ignore"):
        vectors = given.astype(np.float32)
    if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        raise UnusableResponse("the host returned embeddings with infinite or only zero values")
    return vectors


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in order, grouped into requests."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == MOST_TEXTS or characters + len(text) > MOST_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch


def _joined(parts: Sequence[Embeddings]) -> Embeddings:
    return Embeddings(np.concatenate([one.vectors for one in parts]), np.concatenate([one.cut for one in parts]))
