"""What all members say together: mean of what they predict, and doubt within and among them.

heard = hear(members, batch)            # of each choice (P, n): everybody's part, the person's part, its variance
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from personalrm.models.learned.method import Belief, Method
from personalrm.models.learned.people import Batch
from personalrm.models.learned.threads import one_thread

Array = NDArray[np.float64]


class Heard(NamedTuple):
    """Of each margin (P, n): where nothing is known of the person, what the person adds, and how unsure that is."""

    everybody: Array
    personal: Array
    variance: Array

    def of(self, mask: NDArray[np.bool_]) -> Heard:
        """Some choices, in a row."""
        return Heard(*(one[mask] for one in self))


@one_thread()
@torch.no_grad()
def believe(members: Sequence[Method], batch: Batch) -> list[Belief]:
    """What each member believes of the people, from their known choices."""
    return [one.believe(batch) for one in members]


@one_thread()
@torch.no_grad()
def hear(members: Sequence[Method], batch: Batch, beliefs: Sequence[Belief] | None = None) -> Heard:
    """What the members say of the batch's choices; of each person what ``beliefs`` say, else the known choices."""
    nothing, held = batch.unknown(), beliefs or believe(members, batch)
    plain = torch.stack([one.margins(one.believe(nothing).taste, batch) for one in members])
    own = torch.stack([one.margins(each.taste, batch) for one, each in zip(members, held, strict=True)]) - plain
    doubt = torch.stack([one.doubt(each, batch) for one, each in zip(members, held, strict=True)])
    variance = doubt.mean(0) + own.var(0, correction=0)
    return Heard(*(np.asarray(one, dtype=float) for one in (plain.mean(0), own.mean(0), variance)))
