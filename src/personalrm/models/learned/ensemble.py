"""Predictions of the ensemble: the mean over members, and the variance within and between them.

parts = predict_margins(members, batch)        # per choice (P, n): population-level part, personal part, its variance
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
from personalrm.renamed import renamed

Array = NDArray[np.float64]


class MarginParts(NamedTuple):
    """Parts of each margin (P, n): population-level, personal, and the variance of the personal part."""

    population: Array
    personal: Array
    variance: Array

    def of(self, mask: NDArray[np.bool_]) -> MarginParts:
        """The choices of a mask, flattened."""
        return MarginParts(*(one[mask] for one in self))


@one_thread()
@torch.no_grad()
def infer(members: Sequence[Method], batch: Batch) -> list[UserPosterior]:
    """Each member's posterior of the users, from their known choices."""
    return [one.infer(batch) for one in members]


@one_thread()
@torch.no_grad()
def predict_margins(
    members: Sequence[Method], batch: Batch, posteriors: Sequence[UserPosterior] | None = None
) -> MarginParts:
    """Margins of the batch's choices, from the users' ``posteriors`` or else from their known choices."""
    empty, held = batch.without_known(), posteriors or infer(members, batch)
    plain = torch.stack([one.margins(one.infer(empty).mean, batch) for one in members])
    own = torch.stack([one.margins(each.mean, batch) for one, each in zip(members, held, strict=True)]) - plain
    within = torch.stack([one.margin_variance(each, batch) for one, each in zip(members, held, strict=True)])
    variance = within.mean(0) + own.var(0, correction=0)
    return MarginParts(*(np.asarray(one, dtype=float) for one in (plain.mean(0), own.mean(0), variance)))


__getattr__ = renamed(__name__, {"hear": "predict_margins", "Heard": "MarginParts", "believe": "infer"})
