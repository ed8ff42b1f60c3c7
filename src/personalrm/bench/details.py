"""What the record of a run says of each line beyond its row: over people, by domain, at equal length, calibration.

details = details_of(result)["traits"]
details["over_people"]                  # {"value": 0.718, "low": 0.69, "high": 0.745}
details["calibration"][0]               # {"predicted": 0.12, "observed": 0.15, "low": …, "high": …, "pairs": 159}

Everything is JSON values, made once from the predictions; reports show it and compute nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalrm.bench.results import BenchResult
from personalrm.bench.statistics import scoring
from personalrm.bench.statistics.uncertainty import MIN_PEOPLE, interval

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

LENGTH_RATIO = 0.1
"""Responses count as equally long where the shorter one lacks at most this share of the longer one."""
LENGTH_MATCHING = (
    f"Pairs whose responses differ in length by at most {LENGTH_RATIO:.0%} of the longer one, counted in characters."
)
BINS = 10
"""Bins of equal numbers of pairs in a calibration curve; fewer where a bin would hold under `MIN_BIN` of them."""
MIN_BIN = 20
DRAWS = 2_000
"""Of the intervals of slices and bins: there are hundreds of them, and nothing is decided by their third digit."""
_SEEN = 1.959964 + 0.841621
"""Standard errors that a true difference must measure to be found at 5 % in 80 of 100 samples."""


def details_of(result: BenchResult) -> dict[str, dict[str, Any]]:
    """By the label of each line: ``history`` (mean choices learned from), ``over_people``, ``domains``,
    ``length_matched``, and for lines with probabilities ``calibration`` and ``ece``."""
    matched = np.array([_equally_long(one.lengths) for one in result.asked], dtype=bool)
    domains = np.array([one.domain or "" for one in result.asked], dtype=object)
    available = np.array([one.history for one in result.asked], dtype=np.float64)
    found = {}
    for label, line in result.lines.items():
        limit = line.entry.context_pairs
        curve, error = calibration(result, label) if line.probabilistic else ([], None)
        found[label] = {
            "history": float((available if limit is None else np.minimum(available, limit)).mean()),
            "over_people": _over_people(result, label),
            "domains": list(_by_domain(result, label, domains)),
            "length_matched": _slice(result, label, matched),
            "calibration": curve,
            "ece": error,
        }
    return found


def detectable(result: BenchResult, one: str, other: str) -> float | None:
    """The true difference of two lines' accuracies that the paired test would find in 80 of 100 such samples.

    From the standard error of the difference, clustered by person; None with fewer than five people, or where the two
    lines never differ.
    """
    apart = result.correct[one] - result.correct[other]
    scored = ~np.isnan(apart)
    values, people = apart[scored], result.people[scored]
    clusters = len(np.unique(people))
    if clusters < MIN_PEOPLE or not values.any():
        return None
    sums = np.bincount(people, weights=values - values.mean())
    error = float(np.sqrt(clusters / (clusters - 1) * (sums**2).sum())) / len(values)
    return _SEEN * error


def calibration(result: BenchResult, label: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The points of a line's calibration curve, and its expected calibration error; none with too few pairs.

    What is binned is the probability that the response shown as ``a`` is preferred, against whether it was; which one
    is ``a`` is drawn by the seed. Bins hold equal numbers of pairs. The error is the mean distance of the bins from
    the diagonal, so a perfect judge of few pairs does not reach 0.
    """
    given = result.lines[label].answers.probability
    scored = ~np.isnan(given)
    probability, people = given[scored], result.people[scored]
    came_true = np.array([one.preferred == "a" for one in result.asked], dtype=np.float64)[scored]
    number = min(BINS, len(probability) // MIN_BIN)
    if number < 2:
        return [], None
    curve, error = [], 0.0
    for places in np.array_split(np.argsort(probability, kind="stable"), number):
        predicted, observed = float(probability[places].mean()), float(came_true[places].mean())
        low, high = interval(came_true[places], people[places], result.design.seed, DRAWS) or (None, None)
        curve.append({"predicted": predicted, "observed": observed, "low": low, "high": high, "pairs": len(places)})
        error += len(places) / len(probability) * abs(predicted - observed)
    return curve, {"value": error, "low": None, "high": None}


def _over_people(result: BenchResult, label: str) -> dict[str, Any] | None:
    """The mean of each person's own accuracy."""
    right = result.correct[label]
    scored = ~np.isnan(right)
    if not scored.any():
        return None
    counts = np.bincount(result.people[scored])
    sums = np.bincount(result.people[scored], weights=right[scored])
    own = sums[counts > 0] / counts[counts > 0]
    low, high = interval(own, np.arange(len(own)), result.design.seed) or (None, None)
    return {"value": float(own.mean()), "low": low, "high": high}


def _by_domain(result: BenchResult, label: str, domains: NDArray[np.object_]) -> Iterator[dict[str, Any]]:
    """One slice a domain; none where the data names none."""
    for domain in sorted({one for one in domains if one}):
        yield {"domain": domain, **_slice(result, label, domains == domain)}


def _slice(result: BenchResult, label: str, only: Mask) -> dict[str, Any]:
    right, people = result.correct[label][only], result.people[only]
    scored = ~np.isnan(right)
    low, high = interval(right, people, result.design.seed, DRAWS) or (None, None)
    return {
        "accuracy": scoring.accuracy(result.probabilities[label][only]),
        "low": low,
        "high": high,
        "people": len(np.unique(people[scored])),
        "pairs": int(scored.sum()),
    }


def _equally_long(lengths: tuple[int, int]) -> bool:
    return abs(lengths[0] - lengths[1]) <= LENGTH_RATIO * max(lengths)
