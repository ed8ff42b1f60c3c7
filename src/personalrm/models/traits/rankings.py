"""Stages of the Plackett–Luce model of a ranking.

P(1 ≻ 2 ≻ … ≻ n) = Π_i exp(r_i) / Σ_{j ≥ i} exp(r_j): the best is chosen among all, the second among the others, and so
on (Plackett 1975; Luce 1959). For two responses it is the Bradley–Terry model. Separate pairs would instead count a
ranking of n responses as n(n − 1)/2 independent choices. Responses of one tier are tied: each is chosen among itself
and the responses of lower tiers.

    stages_of((("b",), ("a", "c")))     # [("b", ("a", "c"))]: the choice of one of three
"""

from __future__ import annotations

from collections.abc import Sequence

Stage = tuple[str, tuple[str, ...]]
"""The chosen response, and the alternatives."""


def stages_of(tiers: Sequence[Sequence[str]]) -> list[Stage]:
    """The stages of a ranking, best first; ``tiers`` are the tied responses of each rank, best first."""
    found: list[Stage] = []
    for at, tier in enumerate(tiers[:-1]):
        below = tuple(one for lower in tiers[at + 1 :] for one in lower)
        found += [(one, below) for one in tier]
    return found
