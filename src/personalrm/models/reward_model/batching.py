"""Batches with little padding: inputs of similar length together, within a token budget.

    for chunk in chunks([len(one) for one in sequences], budget=512): ...
    rewards(model, sequences, pad=0)                     # (n,), in the order given

A batch of 16 PRISM pairs padded to its longest response is 62 % padding; in chunks of 512 tokens it is 7 %. The
composition of an optimizer step, and with it the loss, does not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CPU_BUDGET, GPU_BUDGET = 512, 8_192
"""Tokens per chunk, padding included. One core trains MiniLM on 1,335 tokens per second in chunks of 512 and on 1,369
in chunks of 2,048, which are 27 % padding; not measured on a GPU."""


def budget_for(device: torch.device) -> int:
    """Tokens per chunk on this device."""
    return CPU_BUDGET if device.type == "cpu" else GPU_BUDGET


def chunks(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices of all inputs, the longest first; a chunk padded to its longest input holds at most ``budget`` tokens.

    An input longer than the budget is a chunk of its own.
    """
    found: list[list[int]] = []
    for at in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        if found and lengths[found[-1][0]] * (len(found[-1]) + 1) <= budget:
            found[-1].append(at)
        else:
            found.append([at])
    return found


def padded(sequences: Sequence[Sequence[int]], pad: int) -> dict[str, Tensor]:
    """Ids and mask (n, longest), padded on the right."""
    width = max(map(len, sequences))
    ids = torch.tensor([[*one, *[pad] * (width - len(one))] for one in sequences])
    mask = torch.tensor([[1] * len(one) + [0] * (width - len(one)) for one in sequences])
    return {"input_ids": ids, "attention_mask": mask}


@dataclass(frozen=True)
class ChunkedPairs:
    """Collates pairs (``chosen_ids``, ``rejected_ids``, ``weight``) into chunks; ``order``: input index of each row.

    All chosen inputs come first, then all rejected ones, as in TRL's collator.
    """

    pad: int
    budget: int

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        sequences = [one[side] for side in ("chosen_ids", "rejected_ids") for one in examples]
        split = chunks([len(one) for one in sequences], self.budget)
        return {
            "chunks": [padded([sequences[at] for at in chunk], self.pad) for chunk in split],
            "order": torch.tensor([at for chunk in split for at in chunk]),
            "weight": torch.tensor([one.get("weight", 1.0) for one in examples]),
        }


def chunked_rewards(model: Any, batch: dict[str, Any]) -> Tensor:
    """Rewards (2 · pairs,) of a batch of `ChunkedPairs`, chosen first."""
    found = torch.cat([model(**chunk, use_cache=False).logits[:, 0] for chunk in batch["chunks"]])
    return found[torch.argsort(batch["order"])]


@torch.no_grad()
def rewards(model: Any, sequences: Sequence[Sequence[int]], pad: int) -> Tensor:
    """Rewards (n,) in float32 on the CPU, without dropout.

    Inputs are sorted and deduplicated: the other inputs of a batch change the last bits, and the given order must not.
    """
    distinct = sorted(set(map(tuple, sequences)))
    place = {one: at for at, one in enumerate(distinct)}
    found = torch.zeros(len(distinct))
    training = model.training
    model.eval()
    try:
        for chunk in chunks([len(one) for one in distinct], budget_for(model.device)):
            batch = {key: value.to(model.device) for key, value in padded([distinct[at] for at in chunk], pad).items()}
            found[chunk] = model(**batch, use_cache=False).logits[:, 0].float().cpu()
    finally:
        model.train(training)
    return found[[place[tuple(one)] for one in sequences]]
