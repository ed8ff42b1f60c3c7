"""What a line of the table learned, as one sentence: weights of a fused method's members, neighbours' schemes.

found = LearnedByLine()
found.add(row["learned"])      # of each task
found.sentence()               # "weight of judge:gpt-4o +0.31 to +0.35 (372 to 390 labels)"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from personalrm.formatting.numbers import signed
from personalrm.formatting.texts import counted
from personalrm.models.fusion.weights import ENOUGH

WEIGHTS = "weights"
"""Key in ``Prediction.learned``: weight and number of labels of each member of a fused method."""
NEIGHBOURS, REFUSED = "neighbours", "refused_schemes"
"""Keys in ``Prediction.learned``: numbers of neighbours' schemes that were used and refused in a task."""


@dataclass(slots=True)
class LearnedByLine:
    """Collects what a line's tasks learned, one after another."""

    weights: list[Mapping[str, Mapping[str, float]]] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    refused: int = 0

    def add(self, learned: Mapping[str, Any]) -> None:
        """Add ``Prediction.learned`` of one task."""
        if WEIGHTS in learned and learned[WEIGHTS] not in self.weights:  # the same in all tasks of a fold
            self.weights.append(learned[WEIGHTS])
        if learned.get(NEIGHBOURS) or learned.get(REFUSED):
            self.used.append(learned[NEIGHBOURS])
            self.refused += learned[REFUSED]

    def sentence(self) -> str | None:
        """None for methods that learn neither weights nor neighbours' schemes."""
        if self.weights:
            return _weights(self.weights)
        if self.used:
            some = f"{np.mean(self.used):.1f} schemes of neighbours for each task"
            return f"{some}; {counted(self.refused, 'scheme')} refused"
        return None


def _weights(folds: Sequence[Mapping[str, Mapping[str, float]]]) -> str:
    names = list(dict.fromkeys(name for one in folds for name in one))
    if not names:
        return "no judge takes part, so it predicts like traits"
    return "weight of " + ", ".join(_member(name, [one[name] for one in folds if name in one]) for name in names)


def _member(name: str, folds: Sequence[Mapping[str, float]]) -> str:
    """One member, with the range over the folds."""
    labels = [int(one["labels"]) for one in folds]
    few = f", 0 below {ENOUGH}" if min(labels) < ENOUGH else ""
    weight = _range([signed(one["weight"], 2) if one["weight"] else "0" for one in sorted(folds, key=_by_weight)])
    return f"{name} {weight} ({_range([str(one) for one in sorted(labels)])} labels{few})"


def _by_weight(one: Mapping[str, float]) -> float:
    return one["weight"]


def _range(ascending: Sequence[str]) -> str:
    return ascending[0] if ascending[0] == ascending[-1] else f"{ascending[0]} to {ascending[-1]}"
