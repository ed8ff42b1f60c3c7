"""How well profiles predict what people choose next, with its interval and a baseline beside it.

Every number is over choices that were predicted before they were learned (see `store.predictions`). For one person the
interval is over conversations, for a space over people: a person's choices hang together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from personalrm.stats import metrics
from personalrm.stats.intervals import MIN_PEOPLE, interval
from personalrm.store.predictions import Prediction, Tally


def of_person(made: Sequence[Prediction]) -> dict[str, Any]:
    """Accuracy, log loss and coverage of one person's predictions, and what choosing the longer one was worth."""
    p = np.array([np.nan if one.probability is None else one.probability for one in made], dtype=float)
    codes: dict[str, int] = {}
    groups = np.array([codes.setdefault(one.group, len(codes)) for one in made], dtype=np.int64)
    longer = np.array([one.longer for one in made], dtype=float)
    right = metrics.correctness(p)
    low, high = _interval(right, groups)
    return {
        "choices": len(made),
        "conversations": len(codes),
        "accuracy": metrics.accuracy(p),
        "low": low,
        "high": high,
        "log_loss": metrics.log_loss(p),
        "coverage": metrics.coverage(p) if len(made) else None,
        "longer": float(longer.mean()) if len(made) else None,
        "interval": f"95 %, over conversations; none below {MIN_PEOPLE}",
    }


def of_space(tallies: Sequence[Tally]) -> dict[str, Any]:
    """The same over all people of a space."""
    scored = sum(one.scored for one in tallies)
    right = sum(one.right for one in tallies)
    values, codes = _spread(tallies)
    low, high = _interval(values, codes)
    predicted = sum(one.predicted for one in tallies)
    return {
        "people": len(tallies),
        "choices": predicted,
        "accuracy": right / scored if scored else None,
        "low": low,
        "high": high,
        "log_loss": sum(one.loss for one in tallies) / scored if scored else None,
        "coverage": scored / predicted if predicted else None,
        "longer": sum(one.longer for one in tallies) / scored if scored else None,
        "interval": f"95 %, over people; none below {MIN_PEOPLE}",
    }


def _spread(tallies: Sequence[Tally]) -> tuple[Any, Any]:
    """Values and people's numbers whose sums by person are those of the tallies: the interval needs no more."""
    people = [(number, one) for number, one in enumerate(tallies) if one.scored]
    counts = np.array([one.scored for _, one in people], dtype=np.int64)
    means = np.array([one.right / one.scored for _, one in people], dtype=float)
    numbers = np.array([number for number, _ in people], dtype=np.int64)
    return np.repeat(means, counts), np.repeat(numbers, counts)


def _interval(values: Any, groups: Any) -> tuple[float | None, float | None]:
    found = interval(values, groups) if len(values) else None
    return found if found is not None else (None, None)
