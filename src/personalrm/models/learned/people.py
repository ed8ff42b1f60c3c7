"""Choices as vectors: one person's, and several people's side by side.

    ada = Choices("ada", chosen, rejected, group)              # (n, d), (n, d), (n,)
    side_by_side([everything(ada), everything(bob)]).differences.shape      # (2, most choices, d)
    for episode in dealt(ada, parts=4): ...                     # some groups asked, the others known

Choices of one group share text, so that known and asked choices never share a group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choices:
    """One person's decided choices.

    Attributes:
        user: whose.
        chosen, rejected: the two responses in their conversation as vectors, (n, d) each.
        group: number of each choice's group (n,).
    """

    user: str
    chosen: Floats
    rejected: Floats
    group: Rows

    def __len__(self) -> int:
        return len(self.group)


@dataclass(frozen=True, slots=True)
class Episode:
    """A person's choices, of which some are known and others are asked: masks (n,).

    ``person`` is the person's number among those who are trained on; -1 for anybody else.
    """

    choices: Choices
    known: Mask
    asked: Mask
    person: int = -1


@dataclass(frozen=True, slots=True)
class Batch:
    """Episodes side by side, filled up with empty choices.

    Attributes:
        chosen, rejected: (P, n, d).
        known, asked: masks (P, n) of what may be learned from and what is predicted.
        person: numbers of the people trained on (P,).
    """

    chosen: Tensor
    rejected: Tensor
    known: Tensor
    asked: Tensor
    person: Tensor

    @property
    def differences(self) -> Tensor:
        """Chosen minus rejected (P, n, d)."""
        return self.chosen - self.rejected

    def unknown(self) -> Batch:
        """The same of people of whom nothing is known."""
        return replace(self, known=torch.zeros_like(self.known))

    def alike(self, parts: int) -> list[Batch]:
        """The same people in some batches by how much there is of them, each filled up no further than it needs."""
        length = (self.known | self.asked).sum(1)
        found = []
        for some in length.argsort(stable=True).tensor_split(min(parts, len(length))):
            most = max(1, int(length[some].max()))
            chosen, rejected = self.chosen[some, :most], self.rejected[some, :most]
            found.append(Batch(chosen, rejected, self.known[some, :most], self.asked[some, :most], self.person[some]))
        return found


def side_by_side(episodes: Sequence[Episode]) -> Batch:
    """Episodes as one batch."""
    most = max(1, *(len(one.choices) for one in episodes))
    width = episodes[0].choices.chosen.shape[1]
    chosen = np.zeros((len(episodes), most, width), dtype=np.float32)
    rejected, masks = np.zeros_like(chosen), np.zeros((2, len(episodes), most), dtype=bool)
    for at, one in enumerate(episodes):
        n = len(one.choices)
        chosen[at, :n], rejected[at, :n] = one.choices.chosen, one.choices.rejected
        masks[0, at, :n], masks[1, at, :n] = one.known, one.asked
    return Batch(
        torch.from_numpy(chosen),
        torch.from_numpy(rejected),
        torch.from_numpy(masks[0]),
        torch.from_numpy(masks[1]),
        torch.tensor([one.person for one in episodes]),
    )


def everything(choices: Choices, person: int = -1) -> Episode:
    """All choices known and asked: for methods that keep a vector for each person they are trained on."""
    every = np.ones(len(choices), dtype=bool)
    return Episode(choices, every, every, person)


def halved(choices: Choices, draw: np.random.Generator, person: int = -1) -> Episode:
    """Each group known or asked by a coin of this episode's own bias: all numbers of known choices are met with."""
    names = np.unique(choices.group)
    known = np.isin(choices.group, names[draw.random(len(names)) < draw.random()])
    if known.all():  # something is to be predicted
        known = choices.group != draw.choice(names)
    return Episode(choices, known, ~known, person)


def dealt(choices: Choices, parts: int) -> Iterator[Episode]:
    """The groups dealt into parts; each part is predicted from all others, once."""
    part = np.searchsorted(np.unique(choices.group), choices.group) % parts
    for one in np.unique(part):
        yield Episode(choices, part != one, part == one)
