"""Features from a sentence encoder: similarity of a response to its message, and the response's embedding.

    similarity, meaning = relate(shared_minilm(), [("How do I boil an egg?", "Ten minutes in boiling water.")])
    similarity.shape, meaning.shape          # (1,), (1, 384)

The shipped prior's weights belong to MiniLM. Embeddings are cached in memory only; predicting writes nothing to disk.
"""

from __future__ import annotations

from collections.abc import Sequence

from personalrm.models.encoders import Encoder
from personalrm.models.traits.features import Array

WIDTH = 384


def relate(encoder: Encoder, pairs: Sequence[tuple[str, str]]) -> tuple[Array, Array]:
    """Cosine similarity (n,) of each response to its message, and the responses' embeddings (n, 384).

    ``pairs`` are (message, response).
    """
    both = encoder.embed([message for message, _ in pairs] + [response for _, response in pairs]).astype(float)
    messages, responses = both[: len(pairs)], both[len(pairs) :]
    return (messages * responses).sum(axis=1), responses
