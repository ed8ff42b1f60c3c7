"""Embeddings from the hidden states of a Hugging Face model: the mean over a text's tokens, or its last token.

    encoder = HiddenEncoder(minilm(), "mean", device="cpu")
    encoder.embed(["Ten minutes in boiling water."])         # (1, 384), equal to sentence-transformers up to 1e-6

A text is tokenised once and batched with texts of similar length (`batching`). Longer texts are truncated at the end,
or, if the tokenizer has a chat template, at the beginning, because the response comes last. On a GPU the model computes
in bfloat16, which is part of its name. The model is loaded on first use (MiniLM: 3 s, mostly importing torch); one core
embeds 45 PRISM texts per second.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from logging import CRITICAL
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from personalrm.errors import DataError, MissingExtra
from personalrm.models.encoders.base import CutTexts, Flags, Vectors, unit
from personalrm.models.encoders.batching import Batch, Shape, batches
from personalrm.models.encoders.chat import render
from personalrm.models.encoders.weights import MISSING, Weights
from personalrm.preferences import Message
from personalrm.prompts.marks import tokenizer_marks

Pooling = Literal["mean", "last"]
Device = Literal["cpu", "cuda", "auto"]
Ids = NDArray[np.int32]

_ON_CPU = Shape(tokens=1024)  # 512 to 2048 are equally fast; 8192 exceeds the CPU cache and takes 25 % longer
_ON_GPU = Shape(tokens=8192, step=64, full=True)
_READ = 16  # characters per token: more of a text is tokenised only if this did not fill the limit
_AT_ONCE = 1000  # texts held as tokenizer objects at a time, which take 50 times the memory of arrays


class HiddenEncoder:
    """One model, loaded on first use.

    Args:
        weights: the model.
        pooling: ``mean`` of the hidden states of all tokens, or that of the ``last`` one.
        device: ``auto`` takes a GPU if there is one.

    Raises:
        DataError: ``cuda`` without a GPU.
        MissingExtra: torch or transformers is not installed (on first use).
    """

    def __init__(self, weights: Weights, pooling: Pooling, device: Device = "auto") -> None:
        self._weights, self._pooling, self._wanted = weights, pooling, device
        self._cut = CutTexts()
        if device == "cuda":
            self._device  # noqa: B018 - raises if there is none

    @cached_property
    def name(self) -> str:
        """Label, pooling, limit and fingerprint; bf16 in half precision."""
        one = self._weights
        precision = ":bf16" if self._device == "cuda" else ""
        return f"{one.label}:{self._pooling}:{one.limit}:{one.fingerprint}{precision}"

    @property
    def width(self) -> int:
        """Dimension of a vector."""
        return self._weights.width

    @property
    def truncated(self) -> int:
        """Number of distinct truncated texts so far."""
        return len(self._cut)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (n, width)."""
        return self.mark(texts)[0]

    def text(self, context: Sequence[Message], response: str) -> str:
        """Conversation and response in the chat template; the response alone without a template."""
        loaded = self._loaded
        return render(loaded.tokenizer, context, response, loaded.marks) if self._weights.chat else response

    def mark(self, texts: Sequence[str]) -> tuple[Vectors, Flags]:
        """Unit vectors (n, width), and which texts were truncated (n,). DataError if the model cannot be loaded."""
        if not texts:
            return np.zeros((0, self.width), np.float32), np.zeros(0, bool)
        tokens, cut = self._tokenised(texts)
        vectors = np.empty((len(texts), self.width), np.float32)
        shape = _ON_GPU if self._device == "cuda" else _ON_CPU
        for batch in batches([len(one) for one in tokens], shape):
            vectors[batch.rows] = self._read(tokens, batch)
        self._cut.note(texts, cut)
        return unit(vectors), cut

    @cached_property
    def _device(self) -> str:
        if self._wanted == "cpu":
            return "cpu"
        has_gpu = _torch().cuda.is_available()
        if self._wanted == "cuda" and not has_gpu:
            raise DataError("no GPU for the encoder: torch finds none; use the device cpu or auto")
        return "cuda" if has_gpu else "cpu"

    @cached_property
    def _loaded(self) -> _Loaded:
        return _load(self._weights, self._device)

    def _tokenised(self, texts: Sequence[str]) -> tuple[list[Ids], Flags]:
        loaded = self._loaded
        double_start = [loaded.tokenizer.bos_token_id] * 2  # added by the chat template and by the tokenizer
        tokens: list[Ids] = []
        cut = np.zeros(len(texts), bool)
        for at in range(0, len(texts), _AT_ONCE):
            for one in self._encoded(texts[at : at + _AT_ONCE]):
                cut[len(tokens)] = bool(one.overflowing)
                ids = one.ids[one.ids[:2] == double_start :]
                tokens.append(np.array(ids or [loaded.filler], np.int32))
        return tokens, cut

    def _encoded(self, texts: Sequence[str]) -> list[Any]:
        whole = [text.encode("utf-8", "replace").decode() for text in texts]  # replaces lone surrogates
        most, backend = _READ * self._weights.limit, self._loaded.tokenizer.backend_tokenizer
        part = slice(-most, None) if self._weights.chat else slice(most)
        found = list(backend.encode_batch_fast([text[part] for text in whole]))
        for at, text in enumerate(whole):
            if len(text) > most and not found[at].overflowing:
                found[at] = backend.encode(text)
        return found

    def _read(self, tokens: Sequence[Ids], batch: Batch) -> NDArray[np.floating]:
        """One forward pass, (n, width)."""
        torch = _torch()
        ids = np.full((batch.height, batch.length), self._loaded.filler, np.int64)
        mask = np.zeros_like(ids)
        mask[:, 0] = 1  # dummy rows are a text of one token
        for row, at in enumerate(batch.rows):
            count = len(tokens[at])
            ids[row, :count], mask[row, :count] = tokens[at], 1
        with torch.inference_mode():
            seen = torch.from_numpy(mask).to(self._device)
            given = torch.from_numpy(ids).to(self._device)
            hidden = self._loaded.model(input_ids=given, attention_mask=seen).last_hidden_state.float()
            if self._pooling == "last":
                pooled = hidden[torch.arange(len(hidden)), seen.sum(1) - 1]
            else:
                weight = seen.unsqueeze(-1).float()
                pooled = (hidden * weight).sum(1) / weight.sum(1)
            vectors: NDArray[np.floating] = pooled.cpu().numpy()[: len(batch.rows)]
        return vectors


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Tokenizer and model, the padding token, and what finds special tokens in a text."""

    tokenizer: Any
    model: Any
    filler: int
    marks: re.Pattern[str]


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(MISSING) from error
    return torch


def _load(weights: Weights, device: str) -> _Loaded:
    torch = _torch()
    try:
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise MissingExtra(MISSING) from error
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    try:
        with _quietly():
            here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            tokenizer = AutoTokenizer.from_pretrained(weights.folder, **here)
            model = AutoModel.from_pretrained(weights.folder, use_safetensors=True, dtype=dtype, **here)
    except Exception as error:  # model classes raise various exceptions
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(f"{weights.folder}: the model cannot be loaded: {why}") from error
    if not tokenizer.is_fast or model.config.is_encoder_decoder:
        raise DataError(f"{weights.folder}: expected an encoder or a decoder with a tokenizer.json")
    model.config.use_cache = False  # no generation, so no key-value cache
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.enable_truncation(weights.limit, direction="left" if weights.chat else "right")
    named = (tokenizer.pad_token_id, tokenizer.eos_token_id, 0)
    filler = next(one for one in named if one is not None)
    return _Loaded(tokenizer, model.eval().to(device), filler, tokenizer_marks(tokenizer))


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without progress bars and log messages of transformers."""
    from transformers.utils import logging

    transformers_logging: Any = logging  # its functions have no types
    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()
