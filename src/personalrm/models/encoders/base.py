"""Interface of text encoders: texts in, unit vectors out.

    encoder.embed(["Ten minutes in boiling water."])                     # (1, width), float32
    encoder.embed([encoder.text(context, response)])                     # a response in this encoder's format

`HiddenEncoder` and `EndpointEncoder` compute vectors, `Cached` caches those of another encoder. ``name`` identifies
everything that changes a vector, so it is part of cache keys and manifests; it holds no path, URL or key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from personalrm.preferences import Message

Vectors = NDArray[np.float32]
Flags = NDArray[np.bool_]
_UNIT = 0.01
"""Allowed difference of a stored vector's length from 1."""


class Encoder(Protocol):
    """A text encoder."""

    @property
    def name(self) -> str:
        """Identifies weights, pooling and length limit."""
        ...

    @property
    def width(self) -> int:
        """Dimension of a vector."""
        ...

    @property
    def truncated(self) -> int:
        """Number of distinct texts that were longer than the encoder's limit, so far."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, width), in the order of the texts; a text's vector does not depend on the other texts."""
        ...

    def text(self, context: Sequence[Message], response: str) -> str:
        """The text that is embedded for a response in its conversation."""
        ...


@runtime_checkable
class Marking(Encoder, Protocol):
    """An Encoder that also tells which texts it truncated, so that a cache can store this."""

    def mark(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        """`embed`, and whether each text was truncated (n,)."""
        ...


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """The vectors scaled to unit length; zero vectors stay zero."""
    exact = vectors.astype(np.float64)
    length = np.linalg.norm(exact, axis=1, keepdims=True)
    scaled: Vectors = (exact / np.maximum(length, 1e-12)).astype(np.float32)
    return scaled


class CutTexts:
    """Counts the distinct texts that an encoder truncated, by hash."""

    def __init__(self) -> None:
        self._hashes: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._hashes)

    def note(self, texts: Sequence[str], cut: Flags) -> None:
        """Count those of the texts (n,) that were truncated (n,)."""
        marked = (text for text, one in zip(texts, cut, strict=True) if one)
        self._hashes.update(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in marked)


def are_unit(vectors: Sequence[object]) -> list[bool]:
    """Whether each is the bytes of a unit vector of float32, as wide as most of them."""
    widths = Counter(len(one) for one in vectors if isinstance(one, bytes) and one and len(one) % 4 == 0)
    width = widths.most_common(1)[0][0] if widths else 0
    usual = {at: one for at, one in enumerate(vectors) if width and isinstance(one, bytes) and len(one) == width}
    found = [False] * len(vectors)
    if usual:
        whole = np.frombuffer(b"".join(usual.values()), "<f4").reshape(len(usual), -1)
        with np.errstate(all="ignore"):
            length = np.linalg.norm(whole.astype(np.float64), axis=1)
        for at, one in zip(usual, length.tolist(), strict=True):
            found[at] = abs(one - 1.0) < _UNIT
    return found
