"""Backbones with a few thousand random weights: an encoder without a chat template, and a causal model with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from personalrm.data.simulated import simulate_people
from personalrm.models.reward_model.rows import Row
from personalrm.models.reward_model.settings import RewardSettings
from personalrm.preferences import Message

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
)
REFUSES_SYSTEM = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('turns must alternate') }}"
    "{% endif %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
)


def texts() -> list[str]:
    """Training texts of the tokenizers."""
    people = simulate_people(2, choices=6, response_tokens=80)
    found = [text for one in people for choice in one for text in (choice.chosen, choice.rejected)]
    return [*found, "I like cats. I like dogs. Which? system user assistant person choice response persona 0123456789"]


def make_bert(path: Path, width: int = 32, words: int = 400) -> str:
    """A BERT of two layers with a WordPiece tokenizer."""
    core = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    core.decoder = decoders.WordPiece()
    core.train_from_iterator(texts(), trainers.WordPieceTrainer(vocab_size=words, special_tokens=special))
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(one, core.token_to_id(one)) for one in ("[CLS]", "[SEP]")]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, mask_token="[MASK]", model_max_length=256, model_input_names=_BERT_INPUTS, **names
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=width, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=2 * width, max_position_embeddings=256, initializer_range=0.1,
    )  # fmt: skip
    BertModel(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)


_BERT_INPUTS = ["input_ids", "token_type_ids", "attention_mask"]


def make_qwen(path: Path, width: int = 32, words: int = 400, template: str | None = CHATML, seed: int = 0) -> str:
    """A Qwen2 of two layers with a byte-level tokenizer and ChatML."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    letters = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        texts(), trainers.BpeTrainer(vocab_size=words, special_tokens=special, initial_alphabet=letters)
    )
    core.post_processor = processors.ByteLevel(trim_offsets=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|im_end|>", model_max_length=512)
    tokenizer.chat_template = template
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=width, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=2 * width, max_position_embeddings=512, rope_theta=10_000.0,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)


def toy_rows(people: int, *, told: bool, start: int = 0) -> list[Row]:
    """People who like cats or dogs, half of them each; with ``told`` their prompt says which."""
    found = []
    for number in range(start, start + people):
        liked, other = ("cats", "dogs") if number % 2 else ("dogs", "cats")
        system = f"I like {liked}." if told else None
        for turn, question in enumerate(("Which?", "Which choice?")):
            context = (Message("user", question),)
            found.append(Row(f"toy-{number}", f"{number}/{turn}", system, context, f"{liked}.", f"{other}."))
    return found


def reward_settings(backbone: str, **changes: Any) -> RewardSettings:
    """Twelve steps on 16 toy people, evaluated after every second step."""
    given: dict[str, Any] = {
        "learning_rate": 1e-3, "epochs": 3, "batch_size": 8, "evaluate_every": 2, "patience": 99, "device": "cpu",
    }  # fmt: skip
    return RewardSettings(backbone, **{**given, **changes})
