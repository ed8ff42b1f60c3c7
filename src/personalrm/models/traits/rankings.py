"""Rankings of several responses as the stages of a Plackett–Luce model, so that a ranking stays whole.

P(1 ≻ 2 ≻ … ≻ n) = Π_i exp(r_i) / Σ_{j ≥ i} exp(r_j): the best is chosen among all, the second among the rest, and so on
(Plackett 1975; Luce 1959). For two responses it is Bradley–Terry. Its pairs, taken apart, would count the same evidence
n(n − 1)/2 times. Responses of one tier are not told apart: each of them is chosen among itself and those below.

    stages_of((("b",), ("a", "c")))     # [("b", ("a", "c"))]: the choice of one of three
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from personalrm.models.traits.fit import Array

Stage = tuple[str, tuple[str, ...]]
"""The response that was chosen, and the others that could have been."""


def stages_of(tiers: Sequence[Sequence[str]]) -> list[Stage]:
    """The choices that a ranking consists of, best first."""
    found: list[Stage] = []
    for at, tier in enumerate(tiers[:-1]):
        below = tuple(one for lower in tiers[at + 1 :] for one in lower)
        found += [(one, below) for one in tier]
    return found


def log_likelihood(rewards: Array) -> float:
    """Plackett–Luce log-likelihood of the order in which rewards (n,) stand, best first; nats."""
    totals = np.logaddexp.accumulate(rewards[::-1])[::-1]
    return float((rewards - totals).sum())
