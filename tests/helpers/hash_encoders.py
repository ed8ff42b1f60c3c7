"""Encoders whose vectors are hashes of the texts; they count their calls. Child processes use them as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from personalrm.models.encoders.base import Flags, Vectors, unit
from personalrm.preferences import Message


class Plain:
    """Counts the embedded texts; a vector is a hash of its text."""

    def __init__(self, name: str = "hashes", width: int = 12) -> None:
        self.name, self.width, self.truncated = name, width, 0
        self.asked: Counter[str] = Counter()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked.update(texts)
        digests = (blake2b(text.encode("utf-8", "surrogatepass"), digest_size=self.width).digest() for text in texts)
        whole = np.frombuffer(b"".join(digests), np.uint8).reshape(len(texts), self.width)
        return unit(whole.astype(float) - 127.5)

    def text(self, context: Sequence[Message], response: str) -> str:
        return f"{len(context)}: {response}"


class Hashes(Plain):
    """Also marks texts of more than 20 characters as truncated."""

    def mark(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        return self.embed(texts), np.array([len(text) > 20 for text in texts], bool)
