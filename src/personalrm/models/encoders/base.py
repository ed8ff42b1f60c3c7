"""The seam to an encoder: texts in, unit vectors out.

    encoder.embed(["Ten minutes in boiling water."])                     # (1, width), float32
    encoder.embed([encoder.text(context, response)])                     # a response as this encoder wants to see it

`HiddenEncoder` and `EndpointEncoder` make vectors, `Cached` keeps those of another encoder. ``name`` stands for
whatever changes a vector, so it goes into cache keys and manifests; it holds no path, no URL and no key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from personalrm.preferences import Message

Vectors = NDArray[np.float32]
Flags = NDArray[np.bool_]


class Encoder(Protocol):
    """Anything that turns texts into vectors."""

    @property
    def name(self) -> str:
        """Identifies weights, pooling and length limit."""
        ...

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        ...

    @property
    def truncated(self) -> int:
        """Texts that were longer than the encoder reads, so far; a text counts once."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors (n, width) of unit length, in the order of the texts; a text's vector hangs on that text alone."""
        ...

    def text(self, context: Sequence[Message], response: str) -> str:
        """What is embedded for a response in its conversation."""
        ...


@runtime_checkable
class Marking(Encoder, Protocol):
    """An Encoder that also says which texts it had to cut, so that a cache can tell later runs."""

    def mark(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        """`embed`, and for each text whether it was cut (n,)."""
        ...


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """The same directions with length one; a vector of zeros stays what it is."""
    exact = vectors.astype(np.float64)
    length = np.linalg.norm(exact, axis=1, keepdims=True)
    scaled: Vectors = (exact / np.maximum(length, 1e-12)).astype(np.float32)
    return scaled
