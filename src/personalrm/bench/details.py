"""Details of each line for the record of a run: accuracy over people, by domain and at equal length, calibration.

details = details_of(result)["traits"]
details["over_people"]                  # {"value": 0.718, "low": 0.69, "high": 0.745}
details["calibration"][0]               # {"predicted": 0.12, "observed": 0.15, "low": …, "high": …, "pairs": 159}

All values are JSON values, computed once from the predictions; reports only display them.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from personalrm.bench.answers import Floats
from personalrm.bench.results import BenchResult
from personalrm.stats import metrics
from personalrm.stats.calibration import calibration
from personalrm.stats.intervals import interval
from personalrm.stats.position_bias import PositionBias
from personalrm.stats.selective import held_out_risk, risk_coverage
from personalrm.stats.slices import Mask, by_domain, by_rarity, equally_long, own_accuracies

RISKS = (0.1, 0.2, 0.3)
"""Error rates for which a confidence threshold is calibrated on half of the people and tested on the others."""
COVERAGES = tuple(round(0.05 * step, 2) for step in range(1, 21))
"""Coverages (shares of the most confident pairs) at which the risk is stored."""
DRAWS = 2_000
"""Bootstrap draws for intervals of subsets: there are hundreds, and their third digit does not matter."""


def details_of(result: BenchResult) -> dict[str, dict[str, Any]]:
    """Details by label: ``history`` (mean number of choices learned from), ``over_people``, ``domains``,
    ``length_matched``; ``calibration``, ``ece`` and ``selective`` for lines with probabilities; ``tastes``, by distance
    of the person's taste from the mean, taken from the first line that measures it; ``position`` for a judge that
    answers by position; ``learned``: what was learned, as one sentence."""
    matched = equally_long([one.lengths for one in result.asked])
    domains = list(by_domain([one.domain for one in result.asked]))
    measured = next((one.answers.taste for one in result.lines.values() if one.answers.taste is not None), None)
    tastes = [] if measured is None else list(by_rarity(measured, result.people))
    available = np.array([one.history for one in result.asked], dtype=np.float64)
    found = {}
    for label, line in result.lines.items():
        limit = line.entry.context_pairs
        curve, error = _calibration(result, label) if line.probabilistic else ([], None)
        found[label] = {
            "history": float((available if limit is None else np.minimum(available, limit)).mean()),
            "over_people": _over_people(result, label),
            "domains": [{"domain": domain, **_slice(result, label, only)} for domain, only in domains],
            "tastes": [{"decile": decile, **_slice(result, label, only)} for decile, only in tastes],
            "length_matched": _slice(result, label, matched),
            "calibration": curve,
            "ece": error,
            "selective": _selective(result, label) if line.probabilistic else None,
            "position": _position(line.answers.orders),
            "learned": line.answers.learned,
        }
    return found


def _calibration(result: BenchResult, label: str) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The points of a line's calibration curve, and its calibration error; empty for too few pairs.

    The binned value is the probability that response ``a`` is preferred; which response is ``a`` is drawn by seed.
    """
    given = result.lines[label].answers.probability
    scored = ~np.isnan(given)
    came_true = np.array([one.preferred == "a" for one in result.asked], dtype=np.float64)
    weight = result.weight_of(scored)
    found = calibration(given[scored], came_true[scored], result.people[scored], result.design.seed, weight)
    if found is None:
        return [], None
    error = {"value": found.error, "by_chance": list(found.by_chance)}
    return [asdict(one) for one in found.curve], error


def _selective(result: BenchResult, label: str) -> dict[str, Any] | None:
    """Risk by coverage, the area under that curve, and whether risk-controlling thresholds hold for held-out people."""
    probability = result.probabilities[label]
    people, seed, weight = result.people, result.design.seed, result.weight
    curve = risk_coverage(probability, weight)
    if curve is None:
        return None
    return {
        "area": curve.area,
        "curve": [{"coverage": one, "risk": curve.at(one)} for one in COVERAGES],
        "promised": [asdict(held_out_risk(probability, people, one, seed=seed, weight=weight)) for one in RISKS],
    }


def _position(orders: Floats) -> str | None:
    """Text on how often the judge preferred the same position in both orders, if it answers by position."""
    found = PositionBias.of((float(first), float(second)) for first, second in orders)
    return str(found) if found.decides else None


def _over_people(result: BenchResult, label: str) -> dict[str, Any] | None:
    """The mean of the people's own accuracies."""
    own = own_accuracies(result.correct[label], result.people, result.weight)
    if not len(own):
        return None
    low, high = interval(own, np.arange(len(own)), result.design.seed) or (None, None)
    return {"value": float(own.mean()), "low": low, "high": high}


def _slice(result: BenchResult, label: str, only: Mask) -> dict[str, Any]:
    right, people = result.correct[label][only], result.people[only]
    scored = ~np.isnan(right)
    weight = result.weight_of(only)
    low, high = interval(right, people, result.design.seed, DRAWS, weight) or (None, None)
    return {
        "accuracy": metrics.accuracy(result.probabilities[label][only], weight),
        "low": low,
        "high": high,
        "people": len(np.unique(people[scored])),
        "pairs": int(scored.sum()),
    }
