"""What a sentence encoder sees: how near a response is to its message, and what it is about.

    similarity, meaning = relate(shared_minilm(), [("How do I boil an egg?", "Ten minutes in boiling water.")])
    similarity.shape, meaning.shape          # (1,), (1, 384)

The prior's weights are those of MiniLM. Its vectors are kept in memory only: whoever predicts writes nothing to disk.
"""

from __future__ import annotations

from collections.abc import Sequence

from personalrm.models.encoders import Encoder
from personalrm.models.traits.features import Array

WIDTH = 384


def relate(encoder: Encoder, pairs: Sequence[tuple[str, str]]) -> tuple[Array, Array]:
    """Similarity (n,) of each response to its message, and the responses' embeddings (n, 384)."""
    both = encoder.embed([message for message, _ in pairs] + [response for _, response in pairs]).astype(float)
    messages, responses = both[: len(pairs)], both[len(pairs) :]
    return (messages * responses).sum(axis=1), responses
