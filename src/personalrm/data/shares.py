"""Weights of choices that count each ranking once: the ten pairs of five ranked responses count as one choice.

shares(history.decided)       # [1.0, 0.1, 0.1, …]
"""

from __future__ import annotations

from collections.abc import Iterable

from personalrm.preferences import Preference


def shares(choices: Iterable[Preference]) -> list[float]:
    """Weight of each choice, in [0, 1]; the pairs of one ranking have a total weight of at most 1.

    Pairs belong to one ranking if they have the same user, source and ``ranking``. Their weights alone do not suffice,
    because files may omit them. The weight of any other choice is unchanged.
    """
    given = list(choices)
    names = [None if one.ranking is None else (one.user, one.source, one.ranking) for one in given]
    total: dict[tuple[str, str | None, str], float] = {}
    for one, name in zip(given, names, strict=True):
        if name is not None and not one.tie:
            total[name] = total.get(name, 0.0) + one.weight
    whole = [1.0 if name is None else max(1.0, total.get(name, 0.0)) for name in names]
    return [min(1.0, one.weight / part) for one, part in zip(given, whole, strict=True)]
