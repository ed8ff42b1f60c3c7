"""Text embeddings.

| module | what it does |
|---|---|
| `base` | the interface: `Encoder` |
| `weights`, `chat`, `batching`, `hidden` | hidden states of a Hugging Face model, such as MiniLM (extra `encoder`) |
| `endpoint` | an embedding model at an OpenAI-compatible URL |
| `store` | cache of vectors in memory and in a file, by content |

    encoder = encoder_named("minilm")
    encoder.embed(["Ten minutes in boiling water."]).shape                        # (1, 384)
    encoder_named("hf:Qwen/Qwen3-0.6B", device="cuda", cache="vectors.sqlite")
    encoder_named("endpoint:text-embedding-3-small@http://localhost:8000/v1")
"""

from __future__ import annotations

from functools import cache as once
from pathlib import Path

from personalrm.databases import MEMORY
from personalrm.errors import DataError
from personalrm.llm.credentials import Credentials
from personalrm.models.encoders.base import Encoder
from personalrm.models.encoders.endpoint import EndpointEncoder
from personalrm.models.encoders.hidden import Device, HiddenEncoder, Pooling
from personalrm.models.encoders.store import Cached
from personalrm.models.encoders.weights import find_weights, minilm

__all__ = ["Cached", "Device", "Encoder", "EndpointEncoder", "HiddenEncoder", "encoder_named", "shared_minilm"]

FORMS = "minilm, hf:PATH, hf:PATH:mean, hf:PATH:last, endpoint:MODEL or endpoint:MODEL@URL"
_POOLINGS: dict[str, Pooling] = {"mean": "mean", "last": "last"}


def encoder_named(name: str, *, device: Device = "auto", cache: str | Path | None = None) -> Encoder:
    """The encoder of this name, with a cache of its vectors.

    Args:
        name: ``minilm``; ``hf:PATH`` for a folder or an id at the Hugging Face hub, which pools the last hidden state
            if its tokenizer has a chat template and else the mean (append ``:mean`` or ``:last`` to choose);
            ``endpoint:MODEL`` or ``endpoint:MODEL@URL``.
        device: ``auto`` takes a GPU if there is one.
        cache: file of the cache; None takes the default beside the cache of answers, ``:memory:`` uses no file.

    Raises:
        DataError: unknown encoder, or no GPU with ``cuda``.
        MissingExtra: MiniLM without the extra ``encoder`` installed.
        StorageError: the file cannot be used.
    """
    return Cached(_made(name, device), cache)


def _made(name: str, device: Device) -> Encoder:
    kind, _, rest = name.partition(":")
    if name == "minilm":
        return HiddenEncoder(minilm(), "mean", device)
    if kind == "hf" and rest:
        path, _, ending = rest.rpartition(":")
        forced = _POOLINGS.get(ending) if path else None
        weights = find_weights(path if forced else rest)
        return HiddenEncoder(weights, forced or ("last" if weights.chat else "mean"), device)
    model, _, url = rest.partition("@http")
    if kind == "endpoint" and model:
        held = Credentials.of(None, f"http{url}")
        if held.long or held.short:  # the name is kept in run.json and in the model's folder
            raise DataError(
                f"encoder: endpoint:{model}@URL is kept with the model: it must hold no user, password or token; "
                "leave them out, or give the URL in OPENAI_BASE_URL and use endpoint:MODEL"
            )
        return EndpointEncoder(model, f"http{url}" if url else None)
    raise DataError(f"encoder: expected {FORMS}, found '{name}'")


@once
def shared_minilm() -> Cached:
    """The process's MiniLM, on the CPU with a cache in memory: its weights take 90 MB and seconds to load."""
    return Cached(HiddenEncoder(minilm(), "mean", "cpu"), MEMORY)
