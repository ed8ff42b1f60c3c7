"""How much each choice counts, so that a ranking counts once: ten pairs of five responses are one choice, not ten.

shares(history.decided)       # [1.0, 0.1, 0.1, …]
"""

from __future__ import annotations

from collections.abc import Iterable

from personalrm.preferences import Preference


def shares(choices: Iterable[Preference]) -> list[float]:
    """How much each choice counts, in [0, 1]: all pairs of one ranking count as one choice together.

    A ranking is known by the ``ranking`` that its pairs name; their ``weight`` alone would not do, which files may
    leave out. A choice of two counts its weight.
    """
    given = list(choices)
    names = [None if one.ranking is None else (one.user, one.source, one.ranking) for one in given]
    total: dict[tuple[str, str | None, str], float] = {}
    for one, name in zip(given, names, strict=True):
        if name is not None and not one.tie:
            total[name] = total.get(name, 0.0) + one.weight
    whole = [1.0 if name is None else max(1.0, total.get(name, 0.0)) for name in names]
    return [min(1.0, one.weight / part) for one, part in zip(given, whole, strict=True)]
