"""What the methods stand on: the reward that everybody shares, and what of a response a person's part may look at.

    footing, readied = learn_footing(choices, features, fold, published=False)
    footing.ready(features.of(items))                     # (n, 1 + p): everybody's score, then the personal columns

Everybody's reward is Bradley–Terry with a ridge. To the methods it is one column, and the choices of training carry
scores by weights that have not seen their fold's people: with scores that know these very choices the methods would
learn to mistrust what is left over (PReF on prism, 3 seeds: calibration 0.58 to 1.15 instead of 1.02 to 1.08).
In the published form nothing is shared: the methods see all columns and learn everything by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from personalrm.models.learned.features import Features
from personalrm.models.learned.people import Choices, Floats, Rows
from personalrm.models.learned.threads import one_blas_thread
from personalrm.models.traits import fit as maths
from personalrm.models.traits.features import Array

_SHARPNESS = np.linspace(0.5, 2.0, 31)


@dataclass(frozen=True, slots=True)
class SharedReward:
    """Everybody's weights of the columns of ``features`` (d,); None where nothing is shared."""

    features: Features
    weights: Array | None

    def ready(self, rows: Floats) -> Floats:
        """Rows (n, d) as the methods see them."""
        return rows if self.weights is None else _beside(self.weights, rows, self.features)

    @property
    def base(self) -> Floats:
        """What the methods take everybody's reward to be, as weights of what they see."""
        if self.weights is None:
            return np.zeros(self.features.width, np.float32)
        personal = self.features.personal(np.zeros((1, self.features.width), np.float32)).shape[1]
        first: Floats = np.eye(1, 1 + personal, dtype=np.float32)[0]
        return first


@one_blas_thread()
def learn_footing(
    choices: Sequence[Choices], features: Features, fold: Rows, *, published: bool
) -> tuple[SharedReward, list[Choices]]:
    """The footing, and the choices of training as the methods see them.

    Args:
        choices: everybody's, as rows of the features.
        features: what the rows are.
        fold: of each person (P,).
        published: share nothing.
    """
    if published:
        return SharedReward(features, None), list(choices)
    x = np.concatenate([one.chosen - one.rejected for one in choices])
    crossed = maths.cross_fitted(x, np.repeat(fold, [len(one) for one in choices]))
    sharp = min(_SHARPNESS, key=lambda one: maths.log_loss(one * crossed.outside))
    footing = SharedReward(features, sharp * maths.shared_weights(x, shrink=crossed.shrink))
    readied = []
    for one, part in zip(choices, fold, strict=True):
        weights = sharp * crossed.weights[part]
        chosen, rejected = (_beside(weights, rows, features) for rows in (one.chosen, one.rejected))
        readied.append(Choices(one.user, chosen, rejected, one.group))
    return footing, readied


def _beside(weights: Array, rows: Floats, features: Features) -> Floats:
    """Everybody's score, then the personal columns."""
    return np.hstack([(rows @ weights)[:, None], features.personal(rows)]).astype(np.float32)
