"""Training speed of the reward model compared with TRL's plain example, on the same pairs in the same run.

LoRA on a causal backbone with random weights; each step is forward, backward and AdamW on 16 real pairs of PRISM, in
the order of the file. The plain way is TRL's collator and `compute_loss`: each response follows a copy of the context,
all padded to the longest. Ours reads the context once and packs pairs into rows. Tokens per second count the plain
way's tokens without padding, for both, so the ratio is that of pairs per second. Useful work is 6 floating-point
operations per weight and useful token (4 for frozen weights). Medians of alternating steps.

    python benchmarks/reward_model_throughput.py                        # a tiny shape, on any machine
    python benchmarks/reward_model_throughput.py --shape 8b             # Llama-3-8B's shape, on a GPU
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from datasets import Dataset
from peft import LoraConfig, TaskType, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import DataCollatorForPreference, RewardTrainer

from common import real_data, row
from personalrm.data.reading import read_people
from personalrm.models.reward_model.inputs import Inputs
from personalrm.models.reward_model.losses import bradley_terry_loss
from personalrm.models.reward_model.rows import training_rows
from personalrm.models.reward_model.shared_context import PackedPairs, packed_rewards
from personalrm.models.reward_model.trainer import TokenPair, quiet
from personalrm.models.reward_model.training import encode_rows
from personalrm.models.reward_model.user_prompts import KINDS

SHAPES: dict[str, dict[str, int]] = {
    "8b": {
        "vocab_size": 128_256, "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14_336,
    },
    "tiny": {
        "vocab_size": 8_000, "hidden_size": 256, "num_hidden_layers": 8, "num_attention_heads": 8,
        "num_key_value_heads": 4, "intermediate_size": 1024,
    },
}  # fmt: skip
PEAKS = {"H100": 989e12, "H200": 989e12}  # dense bfloat16 operations per second, according to the manufacturer
BATCH, BAR, WARM = 16, 1.3, 1
TEMPLATE = "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
Step = Callable[[list[TokenPair]], torch.Tensor]


def make_tokenizer(people: list[Any]) -> PreTrainedTokenizerFast:
    """Byte-level, trained on the same texts: about as many tokens as with a real backbone's tokenizer."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<|pad|>", "<|start|>", "<|end|>"]
    texts = (text for one in people for choice in one for text in (choice.chosen, choice.rejected))
    core.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=8_000, special_tokens=special, show_progress=False))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<|pad|>", eos_token="<|end|>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_model(shape: str, device: torch.device) -> Any:
    """The backbone with new adapters; bfloat16 on a GPU."""
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    torch.manual_seed(0)
    with torch.device(device):
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        model = LlamaForSequenceClassification(LlamaConfig(**SHAPES[shape], num_labels=1, pad_token_id=0))
        torch.set_default_dtype(before)
    lora = LoraConfig(task_type=TaskType.SEQ_CLS, r=16, target_modules="all-linear", exclude_modules=["score"])
    model = get_peft_model(model, lora)
    if shape == "8b":  # activations of 19,000 tokens would take 140 GB, so both ways recompute them
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable()
    return model.train()


def steps_of(model: Any, pairs: list[TokenPair], tokenizer: Any, device: torch.device) -> dict[str, Step]:
    """One step of each way: computes gradients and returns the loss."""
    arguments = RewardConfig(
        output_dir=tempfile.mkdtemp(), report_to="none", bf16=device.type == "cuda", use_cpu=device.type == "cpu",
        activation_checkpointing=False, disable_tqdm=True, max_length=None,
    )  # fmt: skip
    trainer = RewardTrainer(model, arguments, train_dataset=Dataset.from_list(pairs), processing_class=tokenizer)
    collate, pack = DataCollatorForPreference(tokenizer.pad_token_id), PackedPairs(tokenizer.pad_token_id)

    def plain(batch: list[TokenPair]) -> torch.Tensor:
        inputs = {name: value.to(device) for name, value in collate(batch).items()}
        return trainer.compute_loss(model, inputs)

    def ours(batch: list[TokenPair]) -> torch.Tensor:
        inputs = {name: value.to(device) for name, value in pack(batch).items()}
        return bradley_terry_loss(*packed_rewards(model, inputs).float().chunk(2))

    return {"plain": plain, "ours": ours}


def measure(
    model: Any, steps: dict[str, Step], batches: list[list[TokenPair]], device: torch.device
) -> tuple[dict[str, list[float]], float]:
    """Seconds of each step by way, alternating, and the largest difference between their losses."""
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-5)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    gap = 0.0
    for number, batch in enumerate(batches):
        losses = []
        for name in sorted(steps, reverse=number % 2 == 0):
            began = time.perf_counter()
            loss = steps[name](batch)
            loss.backward()
            if len(losses):  # both ways use the same weights; then the weights are updated
                optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if device.type == "cuda":
                torch.cuda.synchronize()
            if number >= WARM:
                seconds[name].append(time.perf_counter() - began)
        gap = max(gap, abs(losses[0] - losses[1]))
    return seconds, gap


def main() -> None:
    """Print tokens per second of both ways, their ratio, and whether the losses agree."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=sorted(SHAPES), default="tiny")
    parser.add_argument("--prompt", choices=KINDS, default="none", help="information about the person in the input")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if given.shape == "8b" and device.type == "cpu":
        sys.exit("the 8b shape needs a GPU: use --shape tiny")
    people = list(read_people(given.data or real_data() / "prism.jsonl.gz"))
    tokenizer = make_tokenizer(people)
    rows = training_rows(people, given.prompt)[: BATCH * (WARM + given.steps)]
    pairs, _ = encode_rows(Inputs.of(tokenizer, 2048), rows)
    batches = [pairs[at : at + BATCH] for at in range(0, len(pairs), BATCH)]
    with quiet():
        model = make_model(given.shape, device)
        seconds, gap = measure(model, steps_of(model, pairs, tokenizer, device), batches, device)
    report(given.shape, model, batches[WARM:], seconds, gap, device)


def report(
    shape: str,
    model: Any,
    batches: list[list[TokenPair]],
    seconds: dict[str, list[float]],
    gap: float,
    device: torch.device,
) -> None:
    """Print the rows of the result."""
    name = torch.cuda.get_device_name(0) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
    useful = [sum(len(ids) for pair in batch for ids in pair.values()) for batch in batches]
    packed = [PackedPairs(0)(batch)["input_ids"].numel() for batch in batches]
    plain = [2 * BATCH * max(len(ids) for pair in batch for ids in pair.values()) for batch in batches]
    print(f"{shape} shape on {name}; {BATCH} pairs a step, {len(batches)} steps, {sum(useful):,} useful tokens")
    print(f"computed for a useful token: plain {sum(plain) / sum(useful):.2f}, ours {sum(packed) / sum(useful):.2f}")
    weights = sum(one.numel() for key, one in model.named_parameters() if "embed" not in key)
    trained = sum(one.numel() for one in model.parameters() if one.requires_grad)
    peak = next((value for key, value in PEAKS.items() if key in name), None)
    for way, taken in seconds.items():
        rate = statistics.median(tokens / time_ for tokens, time_ in zip(useful, taken, strict=True))
        share = "" if peak is None else f", {rate * (4 * weights + 2 * trained) / peak:.1%} of the chip's bf16 peak"
        print(f"  {way:<6} {rate:>10,.0f} tokens/s{share}")
    ratio = statistics.median(a / b for a, b in zip(seconds["plain"], seconds["ours"], strict=True))
    where = "" if device.type == "cuda" else " (a CPU's ratio: the bar is a GPU's)"
    row(f"speed, ours by plain{where}", f"{ratio:.2f}", f"≥ {BAR} on a GPU", ratio >= BAR or device.type == "cpu")
    tolerance = 1e-5 if device.type == "cpu" else 2e-2  # bfloat16 rounds at 1/256
    row("largest gap between the losses", f"{gap:.1e}", f"≤ {tolerance:g}", gap <= tolerance)


if __name__ == "__main__":
    main()
