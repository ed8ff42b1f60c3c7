"""The population-level reward that all methods share, and the inputs of their per-user terms.

    shared_reward, inputs = learn_shared_reward(choices, features, fold, published=False)
    shared_reward.transform(features.of(items))           # (n, 1 + p): population-level score, then personal columns

The shared reward is a Bradley–Terry model with a ridge penalty. The methods see it as one column, and the training
choices carry cross-fitted scores, from weights that were not fitted to the user's fold: with in-sample scores the
methods would learn to distrust the residual (PReF on PRISM, 3 seeds: calibration scales 0.58 to 1.15 instead of 1.02 to
1.08). Where several users judged the same text, it is left out as well for a model that will predict new texts. With
``published`` nothing is shared: the methods see all columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from personalrm.models.learned.features import Features
from personalrm.models.learned.people import Choices, Floats, Rows, weights_of_all
from personalrm.models.learned.threads import one_blas_thread
from personalrm.models.traits import fit as maths
from personalrm.models.traits.features import Array
from personalrm.renamed import renamed

_INVERSE_TEMPERATURES = np.linspace(0.5, 2.0, 31)


@dataclass(frozen=True, slots=True)
class SharedReward:
    """Weights of the population-level reward in the columns of ``features`` (d,); None where nothing is shared."""

    features: Features
    weights: Array | None

    def transform(self, rows: Floats) -> Floats:
        """Rows (n, d) as the methods' inputs (n, 1 + p)."""
        return rows if self.weights is None else _with_score(self.weights, rows, self.features)

    @property
    def base(self) -> Floats:
        """The population-level reward as weights of the methods' inputs."""
        if self.weights is None:
            return np.zeros(self.features.width, np.float32)
        personal = self.features.personal(np.zeros((1, self.features.width), np.float32)).shape[1]
        first: Floats = np.eye(1, 1 + personal, dtype=np.float32)[0]
        return first


@one_blas_thread()
def learn_shared_reward(
    choices: Sequence[Choices], features: Features, fold: Rows, text_fold: Rows | None = None, *, published: bool
) -> tuple[SharedReward, list[Choices]]:
    """Fit the shared reward; return it and the training choices as the methods' inputs.

    Args:
        choices: all training users', as feature rows.
        features: of the rows.
        fold: of each user (P,).
        text_fold: of each choice of all users (n,), -1 if nobody else judged the text; None: texts are not left out.
        published: share nothing.
    """
    if published:
        return SharedReward(features, None), list(choices)
    x = np.concatenate([one.chosen - one.rejected for one in choices])
    weight = weights_of_all(choices)
    crossed = maths.cross_fitted(x, np.repeat(fold, [len(one) for one in choices]), text_fold, weight)
    inverse_temperature = min(_INVERSE_TEMPERATURES, key=lambda one: maths.log_loss(one * crossed.outside, weight))
    shared = maths.shared_weights(x, shrink=crossed.shrink, weight=weight, step=crossed.step)
    shared_reward = SharedReward(features, inverse_temperature * shared)
    cells = np.split(crossed.cell, np.cumsum([len(one) for one in choices])[:-1])
    weights = inverse_temperature * crossed.weights
    return shared_reward, [
        replace(
            one,
            chosen=_crossed(weights, cell, one.chosen, features),
            rejected=_crossed(weights, cell, one.rejected, features),
        )
        for one, cell in zip(choices, cells, strict=True)
    ]


def _crossed(weights: Array, cell: Rows, rows: Floats, features: Features) -> Floats:
    """`_with_score` of each row (n, d) with the weights (cells, d) of its cell (n,)."""
    found = np.empty((len(rows), 1 + features.personal(rows[:1]).shape[1]), dtype=np.float32)
    for one in np.unique(cell):
        inside = cell == one
        found[inside] = _with_score(weights[one], rows[inside], features)
    return found


def _with_score(weights: Array, rows: Floats, features: Features) -> Floats:
    """Population-level score, then the personal columns."""
    return np.hstack([(rows @ weights)[:, None], features.personal(rows)]).astype(np.float32)


__getattr__ = renamed(__name__, {"learn_footing": "learn_shared_reward", "Footing": "SharedReward"})
