"""Accuracy of profiles on the next choices, with interval and baseline.

Every number uses only predictions made before the choice was learned (see `store.predictions`). Intervals are
clustered: by conversation for one person, by person for a space. A ranking counts as one choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from personalrm.stats import metrics
from personalrm.stats.intervals import MIN_PEOPLE, MOST_OF_ONE, Codes, Floats, interval
from personalrm.store.predictions import Prediction, Tally


def of_person(made: Sequence[Prediction]) -> dict[str, Any]:
    """Accuracy, log loss and coverage of one person's predictions, and the accuracy of choosing the longer response."""
    p = np.array([np.nan if one.probability is None else one.probability for one in made], dtype=float)
    codes: dict[str, int] = {}
    groups = np.array([codes.setdefault(one.group, len(codes)) for one in made], dtype=np.int64)
    longer = np.array([one.longer for one in made], dtype=float)
    weight = np.array([one.weight for one in made], dtype=float)
    right = metrics.correctness(p)
    low, high = _interval(right, groups, weight)
    return {
        "choices": len(made),
        "conversations": len(codes),
        "accuracy": metrics.accuracy(p, weight),
        "low": low,
        "high": high,
        "log_loss": metrics.log_loss(p, weight),
        "coverage": metrics.coverage(p, weight) if len(made) else None,
        "longer": metrics.mean(longer, weight),
        "interval": f"95 %, over conversations; none below {MIN_PEOPLE}, or if one has over {MOST_OF_ONE:.0%}",
    }


def of_space(tallies: Sequence[Tally]) -> dict[str, Any]:
    """The same figures over all people of a space."""
    scored = sum(one.scored for one in tallies)
    right = sum(one.right for one in tallies)
    low, high = _interval(*_means(tallies))
    predicted = sum(one.predicted for one in tallies)
    return {
        "people": len(tallies),
        "choices": round(predicted),
        "accuracy": right / scored if scored else None,
        "low": low,
        "high": high,
        "log_loss": sum(one.loss for one in tallies) / scored if scored else None,
        "coverage": scored / predicted if predicted else None,
        "longer": sum(one.longer for one in tallies) / scored if scored else None,
        "interval": f"95 %, over people; none below {MIN_PEOPLE}, or if one has over {MOST_OF_ONE:.0%}",
    }


def _means(tallies: Sequence[Tally]) -> tuple[Floats, Codes, Floats]:
    """Mean, number of predictions and weight of each person; the bootstrap over people needs only these."""
    people = [one for one in tallies if one.scored]
    means = np.array([one.right / one.scored for one in people], dtype=np.float64)
    return means, np.arange(len(people)), np.array([one.scored for one in people], dtype=np.float64)


def _interval(values: Floats, groups: Codes, weight: Floats) -> tuple[float | None, float | None]:
    found = interval(values, groups, weight=weight) if len(values) else None
    return found if found is not None else (None, None)
