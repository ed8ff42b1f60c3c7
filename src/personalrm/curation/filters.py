"""The filters: pure functions of choices and of verdicts.

enough(history, thresholds)                     # does this user have enough choices and conversations?
agreement([0.9, 0.2, None, 0.5])                # (1 + 0 + ½) / 3 = 0.5
consensus([0.9, 0.8, 0.7, 0.9], thresholds)     # "clear": all judges agree with the user
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from personalrm.curation.thresholds import Thresholds
from personalrm.preferences import History
from personalrm.renamed import renamed

Consensus = Literal["contested", "clear", "opposed", "unscored"]
"""``contested`` is kept; ``clear``: (nearly) all judges agree with the user; ``opposed``: (nearly) all disagree."""
_ROUNDING = 1e-9


def enough(history: History, thresholds: Thresholds) -> bool:
    """Return whether the user has enough decided choices in enough conversations."""
    decided = history.decided
    groups = {one.group for one in decided}
    return len(decided) >= thresholds.min_pairs and len(groups) >= thresholds.min_conversations


def agreement(probabilities: Sequence[float | None]) -> float | None:
    """Return the share of scored verdicts that equal the user's choice (0.5 counts one half); None if none is scored.

    Args:
        probabilities: of the chosen response, one per verdict; None is unscored.
    """
    votes = [1.0 if p > 0.5 else 0.5 if p == 0.5 else 0.0 for p in probabilities if p is not None]
    return sum(votes) / len(votes) if votes else None


def consensus(probabilities: Sequence[float | None], thresholds: Thresholds) -> Consensus:
    """Classify a pair by the judges' verdicts; ``probabilities`` holds all of them, with None for unscored ones."""
    scored = sum(p is not None for p in probabilities)
    share = agreement(probabilities)
    if share is None or scored < thresholds.min_scored * len(probabilities) - _ROUNDING:
        return "unscored"
    if share > thresholds.max_agreement + _ROUNDING:
        return "clear"
    return "opposed" if share < thresholds.min_agreement - _ROUNDING else "contested"


def is_personalizable(probability: float | None, thresholds: Thresholds) -> bool:
    """Return whether personal preference matters for the pair; False if unscored."""
    return probability is not None and probability >= thresholds.min_personalizable


__getattr__ = renamed(__name__, {"has_room": "is_personalizable"})
