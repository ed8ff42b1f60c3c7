"""Choices as feature matrices: one user's, and batches of several users'.

    ada = Choices("ada", chosen, rejected, group)              # (n, d), (n, d), (n,)
    collate([whole_episode(ada), whole_episode(bob)]).differences.shape     # (2, longest, d)
    for episode in group_folds(ada, parts=4): ...              # some groups are targets, the others known

Choices of one group share text, so known and target choices never share a group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from personalrm.renamed import renamed

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choices:
    """One user's decided choices.

    Attributes:
        user: the user's id.
        chosen, rejected: features of the two responses in their conversation, (n, d) each.
        group: group number of each choice (n,).
        weight: weight of each choice (n,), in [0, 1] (`data.shares`); None: equal weights.
    """

    user: str
    chosen: Floats
    rejected: Floats
    group: Rows
    weight: Floats | None = None

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, slots=True)
class Episode:
    """A user's choices with masks (n,) of the known ones (to infer from) and the target ones (to predict).

    ``person`` is the user's index among the training users; -1 for any other.
    """

    choices: Choices
    known: Mask
    target: Mask
    person: int = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded episodes.

    Attributes:
        chosen, rejected: (P, n, d).
        known, target: masks (P, n) of the choices to infer from and of those to predict.
        person: indices of the training users (P,).
        weight: weight of each choice (P, n); None: equal weights.
    """

    chosen: Tensor
    rejected: Tensor
    known: Tensor
    target: Tensor
    person: Tensor
    weight: Tensor | None = None

    @property
    def known_weight(self) -> Tensor:
        """Weight of each choice in the inference (P, n); 0 outside the mask."""
        return self.known if self.weight is None else self.known * self.weight

    @property
    def target_weight(self) -> Tensor:
        """Weight of each choice in the loss (P, n); 0 outside the mask."""
        return self.target if self.weight is None else self.target * self.weight

    @property
    def differences(self) -> Tensor:
        """Chosen minus rejected (P, n, d)."""
        return self.chosen - self.rejected

    def without_known(self) -> Batch:
        """The same batch with an empty mask of known choices."""
        return replace(self, known=torch.zeros_like(self.known))

    def split_by_length(self, parts: int) -> list[Batch]:
        """The same users in batches of similar length, each padded no further than it needs."""
        length = (self.known | self.target).sum(1)
        found = []
        for some in length.argsort(stable=True).tensor_split(min(parts, len(length))):
            most = max(1, int(length[some].max()))
            chosen, rejected = self.chosen[some, :most], self.rejected[some, :most]
            known, target = self.known[some, :most], self.target[some, :most]
            weight = None if self.weight is None else self.weight[some, :most]
            found.append(Batch(chosen, rejected, known, target, self.person[some], weight))
        return found


def collate(episodes: Sequence[Episode]) -> Batch:
    """Pad episodes to one batch."""
    most = max(1, *(len(one.choices) for one in episodes))
    width = episodes[0].choices.chosen.shape[1]
    chosen = np.zeros((len(episodes), most, width), dtype=np.float32)
    rejected, masks = np.zeros_like(chosen), np.zeros((2, len(episodes), most), dtype=bool)
    for at, one in enumerate(episodes):
        n = len(one.choices)
        chosen[at, :n], rejected[at, :n] = one.choices.chosen, one.choices.rejected
        masks[0, at, :n], masks[1, at, :n] = one.known, one.target
    return Batch(
        torch.from_numpy(chosen),
        torch.from_numpy(rejected),
        torch.from_numpy(masks[0]),
        torch.from_numpy(masks[1]),
        torch.tensor([one.person for one in episodes]),
        _weights([one.choices for one in episodes], most),
    )


def _weights(choices: Sequence[Choices], most: int) -> Tensor | None:
    """Weights padded with ones (P, most); None for equal weights."""
    if all(one.weight is None for one in choices):
        return None
    found = torch.ones(len(choices), most)
    for at, one in enumerate(choices):
        if one.weight is not None:
            found[at, : len(one)] = torch.from_numpy(one.weight)
    return found


def weights_of_all(choices: Sequence[Choices]) -> NDArray[np.float64] | None:
    """Weight of each choice of these users (n,); None for equal weights."""
    if all(one.weight is None for one in choices):
        return None
    return np.concatenate([np.ones(len(one)) if one.weight is None else one.weight for one in choices])


def whole_episode(choices: Choices, person: int = -1) -> Episode:
    """All choices known and targets: for methods that store a vector for each training user."""
    every = np.ones(len(choices), dtype=bool)
    return Episode(choices, every, every, person)


def random_episode(choices: Choices, draw: np.random.Generator, person: int = -1) -> Episode:
    """Each group known with a probability that is drawn per episode, so that all numbers of known choices occur."""
    names = np.unique(choices.group)
    known = np.isin(choices.group, names[draw.random(len(names)) < draw.random()])
    if known.all():  # there must be a target
        known = choices.group != draw.choice(names)
    return Episode(choices, known, ~known, person)


def group_folds(choices: Choices, parts: int) -> Iterator[Episode]:
    """Cross-validation within a user: the groups in folds, each fold the target once and all others known."""
    part = np.searchsorted(np.unique(choices.group), choices.group) % parts
    for one in np.unique(part):
        yield Episode(choices, part != one, part == one)


__getattr__ = renamed(
    __name__,
    {"side_by_side": "collate", "everything": "whole_episode", "halved": "random_episode", "dealt": "group_folds"},
)
