"""The context of a pair encoded once: [context | rest of the chosen | rest of the rejected], several pairs in a row.

    batch = PackedPairs(pad=0)([{"chosen_ids": [1, 2, 3], "rejected_ids": [1, 2, 4, 5]}])
    packed_rewards(model, batch)                         # (2,): as if the two were encoded separately

For causal backbones. Both responses continue from the end of the context (with the same position ids), and a block mask
hides the other response and other pairs. The shared part is the longest common prefix of the two inputs, so it does not
depend on where a tokenizer splits. Rows are as wide as the longest pair of the batch and hold several shorter ones. The
rewards agree with separate encoding up to rounding (1e-6 in float32).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_layers import GenericForSequenceClassification

from personalrm.models.reward_model.batching import rewards

_TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.05}
"""Allowed difference between packed and separate encoding, relative to the rewards: rounding only."""


@dataclass(frozen=True)
class _Packed:
    """One pair in a row: ids, positions, and the part of each token (0 context, 1 chosen, 2 rejected)."""

    ids: list[int]
    positions: list[int]
    parts: list[int]
    chosen_end: int


@dataclass(frozen=True)
class PackedPairs:
    """Collates pairs (``chosen_ids``, ``rejected_ids``) into rows.

    ``input_ids``, ``position_ids``, ``pair`` (0 is padding) and ``part`` have shape (rows, width); ``ends`` (2 · pairs,
    2) holds row and column of each response's last token, chosen first.
    """

    pad: int

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        pairs = [_packed(one["chosen_ids"], one["rejected_ids"]) for one in examples]
        rows = fill([len(one.ids) for one in pairs])
        width = max(len(one.ids) for one in pairs)
        shape = (len(rows), width)
        ids, positions = torch.full(shape, self.pad), torch.zeros(shape, dtype=torch.long)
        pair, part = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
        ends = torch.zeros((2 * len(pairs), 2), dtype=torch.long)
        for row, members in enumerate(rows):
            start = 0
            for at in members:
                one, stop = pairs[at], start + len(pairs[at].ids)
                ids[row, start:stop] = torch.tensor(one.ids)
                positions[row, start:stop] = torch.tensor(one.positions)
                part[row, start:stop] = torch.tensor(one.parts)
                pair[row, start:stop] = at + 1
                ends[at] = torch.tensor([row, start + one.chosen_end])
                ends[len(pairs) + at] = torch.tensor([row, stop - 1])
                start = stop
        weight = torch.tensor([one.get("weight", 1.0) for one in examples])
        return {"input_ids": ids, "position_ids": positions, "pair": pair, "part": part, "ends": ends, "weight": weight}


def fill(lengths: Sequence[int]) -> list[list[int]]:
    """First-fit decreasing: positions by row, the longest first, with rows as wide as the longest."""
    rows: list[list[int]] = []
    room: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda one: -lengths[one]):
        row = next((number for number, free in enumerate(room) if free >= lengths[at]), None)
        if row is None:
            rows.append([at])
            room.append(max(lengths) - lengths[at])
        else:
            rows[row].append(at)
            room[row] -= lengths[at]
    return rows


def block_mask(pair: Tensor, part: Tensor) -> Tensor:
    """Attention mask (rows, 1, width, width): to earlier tokens of the same pair, in the context or the own part."""
    same = pair[:, :, None] == pair[:, None, :]
    own = (part[:, None, :] == 0) | (part[:, :, None] == part[:, None, :])
    earlier = torch.ones(pair.shape[1], pair.shape[1], dtype=torch.bool, device=pair.device).tril()
    return (same & own & earlier)[:, None]


def packed_rewards(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Rewards (2 · pairs,) of a batch of `PackedPairs`, chosen first."""
    whole = _unwrapped(model)
    mask = block_mask(batch["pair"], batch["part"])
    if (
        whole.config._attn_implementation == "eager"
    ):  # eager attention adds the mask to the scores; sdpa takes a boolean
        mask = torch.zeros(mask.shape, dtype=whole.dtype, device=mask.device).masked_fill(
            ~mask, torch.finfo(whole.dtype).min
        )
    hidden = getattr(whole, whole.base_model_prefix)(
        input_ids=batch["input_ids"], attention_mask=mask, position_ids=batch["position_ids"], use_cache=False
    ).last_hidden_state
    found: Tensor = whole.score(hidden[batch["ends"][:, 0], batch["ends"][:, 1]])[:, 0]
    return found


def can_share(model: Any) -> bool:
    """Whether the backbone is causal with full attention and accepts position ids."""
    whole = _unwrapped(model)
    config = whole.config.get_text_config()
    kinds = getattr(config, "layer_types", None) or getattr(config, "layers_block_type", None)
    sees_all = set(kinds) == {"full_attention"} if kinds else getattr(config, "sliding_window", None) is None
    masked = whole.config._attn_implementation in ("sdpa", "eager") and getattr(config, "is_causal", True)
    return bool(sees_all and masked and isinstance(whole, GenericForSequenceClassification))


@torch.no_grad()
def agrees(model: Any, pair: dict[str, list[int]], pad: int) -> bool:
    """Whether this model gives a pair the same rewards both ways; a list of architectures could not be complete."""
    plain = rewards(model, [pair["chosen_ids"], pair["rejected_ids"]], pad)
    batch = {key: value.to(model.device) for key, value in PackedPairs(pad)([pair, pair]).items()}
    training = model.training
    model.eval()
    shared = packed_rewards(model, batch).float().cpu()[[0, 2]]
    model.train(training)
    tolerance = _TOLERANCE.get(_unwrapped(model).dtype, 0.05)
    return bool((shared - plain).abs().max() <= tolerance * max(1e-2, float(plain.abs().max())))


def _packed(chosen: Sequence[int], rejected: Sequence[int]) -> _Packed:
    most = min(len(chosen), len(rejected)) - 1  # each response keeps a last token, where the reward is read
    shared = next((at for at in range(most) if chosen[at] != rejected[at]), most)
    a, b = chosen[shared:], rejected[shared:]
    return _Packed(
        ids=[*chosen[:shared], *a, *b],
        positions=[*range(len(chosen)), *range(shared, len(rejected))],
        parts=[*[0] * shared, *[1] * len(a), *[2] * len(b)],
        chosen_end=len(chosen) - 1,
    )


def _unwrapped(model: Any) -> Any:
    """The classifier inside the adapters, if there are any."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
