"""Who and what stays: pure decisions on choices and on verdicts that were asked for elsewhere.

enough(history, thresholds)                     # does this person have enough choices and conversations?
agreement([0.9, 0.2, None, 0.5])                # (1 + 0 + ½) / 3 = 0.5
consensus([0.9, 0.8, 0.7, 0.9], thresholds)     # "clear": all judges say what the person said
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from personalrm.curation.thresholds import Thresholds
from personalrm.preferences import History

Consensus = Literal["contested", "clear", "opposed", "unscored"]
"""``contested`` is kept; ``clear``: (nearly) all judges say what the person said; ``opposed``: the contrary."""
_ROUNDING = 1e-9


def enough(history: History, thresholds: Thresholds) -> bool:
    """Whether the person has enough decided choices in enough conversations."""
    decided = history.decided
    groups = {one.group for one in decided}
    return len(decided) >= thresholds.min_pairs and len(groups) >= thresholds.min_conversations


def agreement(probabilities: Sequence[float | None]) -> float | None:
    """Share of the scored verdicts that equal the person's choice; an even one counts one half.

    Args:
        probabilities: of the chosen response, one a verdict; None is unscored.
    """
    votes = [1.0 if p > 0.5 else 0.5 if p == 0.5 else 0.0 for p in probabilities if p is not None]
    return sum(votes) / len(votes) if votes else None


def consensus(probabilities: Sequence[float | None], thresholds: Thresholds) -> Consensus:
    """What the judges say of a pair, of which all their verdicts are given, unscored ones as None."""
    scored = sum(p is not None for p in probabilities)
    share = agreement(probabilities)
    if share is None or scored < thresholds.min_scored * len(probabilities) - _ROUNDING:
        return "unscored"
    if share > thresholds.max_agreement + _ROUNDING:
        return "clear"
    return "opposed" if share < thresholds.min_agreement - _ROUNDING else "contested"


def has_room(probability: float | None, thresholds: Thresholds) -> bool:
    """Whether there is room for taste; never where that is unscored."""
    return probability is not None and probability >= thresholds.min_personalizable
