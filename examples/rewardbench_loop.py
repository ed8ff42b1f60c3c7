"""RewardBench's inference loop on rows of its schema, with a reward model in a folder. Random weights, no download.

With RewardBench: REWARD_MODEL_CONFIG["runs/rm"] = personalrm.integrations.rewardbench.CONFIG
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForSequenceClassification, pipeline

from personalrm.integrations.rewardbench import CONFIG

ROWS = [
    {"prompt": "How long does pasta take ?", "chosen": "Nine minutes .", "rejected": "That may depend !"},
    {"prompt": "When does it open ?", "chosen": "At ten .", "rejected": "Perhaps check their page , and enjoy !"},
]
TEMPLATE = "{% for message in messages %}<s>{{ message['role'] }} {{ message['content'] }}</s>{% endfor %}"


def make_reward_model(folder: Path) -> None:
    """A classifier with one logit, in the format of `personalrm train bradley-terry`."""
    words = sorted({word for row in ROWS for text in row.values() for word in text.split()} | {"user", "assistant"})
    vocabulary = {word: at for at, word in enumerate(["<pad>", "<unk>", "<s>", "</s>", *words])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2,
        intermediate_size=32, max_position_embeddings=128, pad_token_id=0, eos_token_id=3, num_labels=1,
    )  # fmt: skip
    Qwen2ForSequenceClassification(config).save_pretrained(folder)


def texts(tokenizer: Any, column: str) -> list[str]:
    """Conversations in RewardBench's format: the chat template, not tokenised."""
    return [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row[column]}], tokenize=False
        )
        for row in ROWS
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_reward_model(Path(folder))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.padding_side = "left"  # as in RewardBench
        model = CONFIG["model_builder"](folder, trust_remote_code=False)
        pipe = CONFIG["pipeline_builder"]("text-classification", model=model, tokenizer=tokenizer)
        settings = {"batch_size": 2, "truncation": False, "padding": True, "max_length": 128}
        settings |= {"function_to_apply": "none", "return_token_type_ids": False}
        chosen, rejected = (
            pipe(texts(tokenizer, column), **settings).float().cpu().numpy().tolist()
            for column in ("chosen", "rejected")
        )
        won = sum(a > b for a, b in zip(chosen, rejected, strict=True))
        print(f"accuracy of random weights: {won}/{len(ROWS)}")
        own = pipeline("text-classification", model=model, tokenizer=tokenizer)
        same = [one["score"] for one in own(texts(tokenizer, "chosen"), function_to_apply="none")]
        apart = max(abs(one[0] - other) for one, other in zip(chosen, same, strict=True))
        print(f"largest difference to the transformers pipeline: {apart:.0e}")


if __name__ == "__main__":
    main()
