"""GPO, group preference optimisation (Zhao et al., arXiv 2310.11523): a transformer reads a user's choices in context.

A known choice is one token of its features and its label (the difference chosen minus rejected holds both); a target
response is a token of its features and an empty label. Known tokens attend to each other and target tokens to the known
ones only; there are no positional encodings, because choices have no order. One more token, always known, represents
the population, so that attention is defined without known choices. The output is the target's reward; training
maximises the likelihood of the target choices.

The paper predicts a group's distribution over options; for one user's choice between two responses that is the
Bradley–Terry probability. A new user needs no gradient step, only a new context.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from personalrm.models.learned.method import Method, UserPosterior, masked_log_loss
from personalrm.models.learned.people import Batch

_PARTS, _LONG = 4, 64


@dataclass(frozen=True, slots=True)
class Settings:
    """``width``, ``heads``, ``layers``: of the transformer; the paper's 128, 4 and 6 are for far more data."""

    width: int = 32
    heads: int = 4
    layers: int = 2


class GPO(Method):
    """See the module's docstring. A user's parameter: known choices (P, n, d + 1), their weight last."""

    def __init__(self, base: Tensor, people: int, settings: Settings) -> None:
        super().__init__(base)
        width = settings.width
        self.features = nn.Linear(len(base), width, bias=False)
        # the attribute names are parameter names in saved models
        self.everybody, self.known, self.asked = (nn.Parameter(0.02 * torch.randn(width)) for _ in range(3))
        self._layers = [_Layer(width, settings.heads) for _ in range(settings.layers)]
        self.layers = nn.ModuleList(self._layers)
        self.last = nn.LayerNorm(width)
        self.reward = nn.Linear(width, 1, bias=False)
        nn.init.normal_(self.reward.weight, std=0.02)

    def loss(self, batch: Batch, progress: float, draw: torch.Generator) -> Tensor:
        """Attention is quadratic in the longest history, so long histories are read in separate batches."""
        parts = batch.split_by_length(_PARTS) if batch.known.shape[1] > _LONG else [batch]
        losses = [
            masked_log_loss(self.margins(self.infer(one).mean, one), one.target_weight) * one.target_weight.sum()
            for one in parts
        ]
        return torch.stack(losses).sum() / batch.target_weight.sum().clamp(min=1)

    def infer(self, batch: Batch) -> UserPosterior:
        known = batch.known[..., None]
        counted = batch.known_weight[..., None]
        return UserPosterior(torch.cat([batch.differences * known, counted], -1), torch.empty(0))

    def personal(self, mean: Tensor, features: Tensor) -> Tensor:
        return self._answered(self._read(mean), features)

    def margins(self, mean: Tensor, batch: Batch) -> Tensor:
        """The known choices are encoded once for both responses."""
        read = self._read(mean)
        return batch.differences @ self.base + self._answered(read, batch.chosen) - self._answered(read, batch.rejected)

    def _read(self, mean: Tensor) -> _Context:
        """Keys and values of the known choices, and of the population token, in each layer."""
        context = self.features(mean[..., :-1]) + self.known
        context = torch.cat([self.everybody.expand(len(context), 1, -1), context], 1)
        mask = _mask(mean[..., -1])
        offered = [self._layers[0].keys(context)]
        for layer, following in pairwise(self._layers):
            context = layer(context, offered[-1], mask)
            offered.append(following.keys(context))
        return _Context(offered, mask)

    def _answered(self, read: _Context, features: Tensor) -> Tensor:
        asked = self.features(features) + self.asked
        for layer, offered in zip(self._layers, read.offered, strict=True):
            asked = layer(asked, offered, read.mask)
        found: Tensor = self.reward(self.last(asked))[..., 0]
        return found


def _mask(counted: Tensor) -> Tensor:
    """Mask of the population token and the known tokens (P, 1, 1, 1 + n), from how much each choice counts (P, n).

    With pairs that count less than 1, log weights are added to the attention: the pairs of one ranking then get the
    attention of one choice together.
    """
    known = pad(counted > 0, (1, 0), value=True)[:, None, None, :]
    if not ((counted > 0) & (counted < 1)).any():
        return known
    return pad(counted, (1, 0), value=1.0)[:, None, None, :].log()


class _Context(NamedTuple):
    """Keys and values of the known tokens for each layer, and the mask of known tokens (P, 1, 1, 1 + n)."""

    offered: list[tuple[Tensor, Tensor]]
    mask: Tensor


class _Layer(nn.Module):
    """Pre-norm attention to the known tokens, then a token-wise network, each with a residual connection."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.network = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def keys(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the known tokens by head: (P, heads, n, width / heads) each."""
        seen = self.before(context)
        return self._split(self.key(seen)), self._split(self.value(seen))

    def forward(self, tokens: Tensor, offered: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        asking = self._split(self.query(self.before(tokens)))
        found = scaled_dot_product_attention(asking, *offered, attn_mask=mask)
        tokens = tokens + self.out(found.transpose(1, 2).flatten(2))
        done: Tensor = tokens + self.network(self.between(tokens))
        return done

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.reshape(*tokens.shape[:-1], self._heads, -1).transpose(1, 2)
