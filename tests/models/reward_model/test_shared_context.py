from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification, LlamaConfig, LlamaForSequenceClassification

from personalrm.models.reward_model.backbones import load_model, load_tokenizer
from personalrm.models.reward_model.batching import ChunkedPairs, chunked_rewards, chunks, rewards
from personalrm.models.reward_model.losses import bradley_terry_loss
from personalrm.models.reward_model.shared_context import (
    PackedPairs,
    agrees,
    block_mask,
    can_share,
    fill,
    packed_rewards,
)
from personalrm.models.reward_model.trainer import TokenPair

PAD = 0
lengths = st.lists(st.integers(1, 60), min_size=1, max_size=20)


def pairs(count: int, seed: int = 0) -> list[TokenPair]:
    """Pairs that share a beginning of any length, one that shares nothing and one that shares all but one token."""
    draw = random.Random(seed)

    def some(most: int) -> list[int]:
        return [draw.randrange(1, 300) for _ in range(draw.randrange(1, most))]

    made = [(context := some(40), context + some(30), context + some(30))[1:] for _ in range(count - 2)]
    same = some(20)
    made += [(same, [*same, 7]), (some(9), some(9))]
    return [{"chosen_ids": a, "rejected_ids": b} for a, b in made]


def llama(attention: str = "sdpa") -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=48, pad_token_id=PAD, num_labels=1, attn_implementation=attention,
    )  # fmt: skip
    return LlamaForSequenceClassification(config).eval()


def qwen_model(path: str) -> Any:
    torch.manual_seed(0)
    return load_model(path, load_tokenizer(path)).eval()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_rewards_and_gradients_equal_separate_encoding(attention: str) -> None:
    model, batch = llama(attention), pairs(9)
    sides = [one[side] for side in ("chosen_ids", "rejected_ids") for one in batch]
    alone = torch.stack([model(torch.tensor([one])).logits[0, 0] for one in sides])
    shared = packed_rewards(model, PackedPairs(PAD)(batch))
    assert torch.allclose(alone, shared, atol=1e-5)
    plain = gradients(model, alone)
    assert all(torch.allclose(plain[name], one, atol=1e-5) for name, one in gradients(model, shared).items())
    assert sum(float(one.abs().sum()) for one in plain.values()) > 1  # there is something to compare


def gradients(model: Any, found: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    bradley_terry_loss(*found.chunk(2)).backward()
    return {name: one.grad.clone() for name, one in model.named_parameters()}


def test_gradients_agree_with_finite_differences() -> None:
    model, batch, step = llama(), PackedPairs(PAD)(pairs(5)), 1e-3
    model.score.weight.data *= 20  # rewards well above the rounding of float32
    slopes = gradients(model, packed_rewards(model, batch))
    length = torch.cat([one.flatten() for one in slopes.values()]).norm().item()
    sides = []
    for sign in (1, -2):  # one step up the slope, then from there one below where it began
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight += sign * step / length * slopes[name]
            sides.append(bradley_terry_loss(*packed_rewards(model, batch).chunk(2)).item())
    assert (sides[0] - sides[1]) / (2 * step) == pytest.approx(length, rel=1e-2)


@pytest.mark.parametrize("name", ["bert", "qwen"])
def test_the_loss_is_that_of_trl_on_the_same_batch(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    from datasets import Dataset  # seconds to import, all three
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import DataCollatorForPreference, RewardTrainer

    path = request.getfixturevalue(name)
    tokenizer, model = load_tokenizer(path), qwen_model(path)
    batch = pairs(6)
    arguments = RewardConfig(
        output_dir=str(tmp_path), report_to="none", bf16=False, use_cpu=True, activation_checkpointing=False
    )
    trainer = RewardTrainer(model, arguments, train_dataset=Dataset.from_list(batch), processing_class=tokenizer)
    theirs = trainer.compute_loss(model, DataCollatorForPreference(tokenizer.pad_token_id)(batch)).item()
    chunked = chunked_rewards(model, ChunkedPairs(tokenizer.pad_token_id, 64)(batch))
    assert bradley_terry_loss(*chunked.chunk(2)).item() == pytest.approx(theirs, abs=1e-6)
    if name == "qwen":
        packed = packed_rewards(model, PackedPairs(tokenizer.pad_token_id)(batch))
        assert bradley_terry_loss(*packed.chunk(2)).item() == pytest.approx(theirs, abs=1e-6)


def test_chunked_rewards_come_in_the_order_of_the_batch(bert: str) -> None:
    model, batch = qwen_model(bert), pairs(7)
    sides = [one[side] for side in ("chosen_ids", "rejected_ids") for one in batch]
    with torch.no_grad():
        found = chunked_rewards(model, ChunkedPairs(PAD, 50)(batch))
        alone = torch.stack([model(torch.tensor([one])).logits[0, 0] for one in sides])
    assert torch.allclose(found, alone, atol=1e-5)
    assert torch.allclose(rewards(model, sides, PAD), alone, atol=1e-5)


def test_equal_inputs_have_equal_rewards(bert: str) -> None:
    found = rewards(qwen_model(bert), [[1, 2, 3], [4, 5], [1, 2, 3]], PAD)
    assert found[0] == found[2]
    assert rewards(qwen_model(bert), [], PAD).shape == (0,)


@given(lengths, st.integers(1, 200))
def test_every_input_is_in_one_chunk_and_no_chunk_over_budget(sizes: list[int], budget: int) -> None:
    found = chunks(sizes, budget)
    assert sorted(at for chunk in found for at in chunk) == list(range(len(sizes)))
    assert all(len(one) == 1 or len(one) * max(sizes[at] for at in one) <= budget for one in found)


@given(lengths)
def test_every_pair_is_in_one_row_and_no_row_overflows(sizes: list[int]) -> None:
    rows = fill(sizes)
    assert sorted(at for row in rows for at in row) == list(range(len(sizes)))
    assert all(sum(sizes[at] for at in row) <= max(sizes) for row in rows)


def test_the_mask_by_hand() -> None:
    pair, part = torch.tensor([[1, 1, 1, 2, 0]]), torch.tensor([[0, 1, 2, 0, 0]])
    assert block_mask(pair, part)[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 1, 0, 0],  # the rejected response sees the context, not the chosen one
        [0, 0, 0, 1, 0],  # nor does another pair see anything of this one
        [0, 0, 0, 0, 1],
    ]


def broken() -> Iterator[Any]:
    model = llama()
    model.config.layer_types = ["full_attention", "sliding_attention"]
    yield model
    model = llama()
    model.config.is_causal = False
    yield model


def test_only_causal_backbones_can_share(qwen: str, bert: str) -> None:
    assert can_share(llama())
    assert can_share(qwen_model(qwen))
    assert not can_share(AutoModelForSequenceClassification.from_pretrained(bert, num_labels=1))
    assert not any(can_share(model) for model in broken())


def test_a_backbone_with_differing_rewards_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pair = llama(), pairs(4)[0]
    assert agrees(model, pair, PAD)
    forward = model.model.forward
    monkeypatch.setattr(model.model, "forward", lambda *ids, **given: forward(*ids, **{**given, "position_ids": None}))
    model.score.weight.data *= 100
    assert not agrees(model, pair, PAD)
