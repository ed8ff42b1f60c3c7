"""What all members say together: mean of what they predict, and doubt within and among them.

heard = hear(members, batch)            # of each choice (P, n): everybody's part, the person's part, its variance
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from personalrm.models.learned.method import Method, UserPosterior
from personalrm.models.learned.people import Batch
from personalrm.models.learned.threads import one_thread

Array = NDArray[np.float64]


class MarginParts(NamedTuple):
    """Of each margin (P, n): where nothing is known of the person, what the person adds, and how unsure that is."""

    everybody: Array
    personal: Array
    variance: Array

    def of(self, mask: NDArray[np.bool_]) -> MarginParts:
        """Some choices, in a row."""
        return MarginParts(*(one[mask] for one in self))


@one_thread()
@torch.no_grad()
def infer(members: Sequence[Method], batch: Batch) -> list[UserPosterior]:
    """What each member believes of the people, from their known choices."""
    return [one.infer(batch) for one in members]


@one_thread()
@torch.no_grad()
def predict_margins(
    members: Sequence[Method], batch: Batch, beliefs: Sequence[UserPosterior] | None = None
) -> MarginParts:
    """What the members say of the batch's choices; of each person what ``beliefs`` say, else the known choices."""
    nothing, held = batch.unknown(), beliefs or infer(members, batch)
    plain = torch.stack([one.margins(one.infer(nothing).mean, batch) for one in members])
    own = torch.stack([one.margins(each.mean, batch) for one, each in zip(members, held, strict=True)]) - plain
    doubt = torch.stack([one.doubt(each, batch) for one, each in zip(members, held, strict=True)])
    variance = doubt.mean(0) + own.var(0, correction=0)
    return MarginParts(*(np.asarray(one, dtype=float) for one in (plain.mean(0), own.mean(0), variance)))
