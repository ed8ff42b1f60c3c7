"""The study ``longitudinal``: predictions in time order, to measure drift and stability of preferences.

Each group is predicted from all earlier ones, and from the newest few alone. If a user's preferences have changed, the
newest choices predict better than all choices; if not, all choices predict at least as well. In addition, the last
groups are predicted from increasing shares of the user's choices, to count how often another quarter of the choices
changes a prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from personalrm.bench.charts import Lines, Point, Series
from personalrm.bench.results import BenchResult
from personalrm.bench.studies.lab import Record, StudyContext, TableRecord, caveats, settings_of
from personalrm.bench.studies.wording import points, share, verdict
from personalrm.stats.intervals import interval

QUESTION = "Choices in time order: how fast do predictions follow a changed taste, and how stable are they otherwise?"
RECENT = 5
"""Number of newest choices that the one of the two lines learns from; the other learns from all."""
MANY = 10**9
STEPS = ((1, 2), (3, 5), (6, 9), (10, 14), (15, 24), (25, MANY))
"""Bins (inclusive) of the number of earlier choices, one for each point of the curve."""


async def study(lab: StudyContext) -> Record:
    """Run the personalized methods with the protocols in-order and growing."""
    ordered = await lab.run("longitudinal/in-order", lab.with_plain(), "in-order", (RECENT, None))
    growing = await lab.run("longitudinal/growing", lab.personal(), "growing")
    columns = ("method", "earlier choices", "accuracy", "95 % interval", "pairs")
    curves = {label: tuple(_curve(ordered, label)) for label in ordered.lines}
    rows = [
        (label, one.name, one.accuracy, (one.low, one.high), one.pairs)
        for label, held in curves.items()
        for one in held
    ]
    series = tuple(
        Series(label, tuple(Point(one.middle, one.accuracy, one.low, one.high) for one in held))
        for label, held in curves.items()
    )
    chart = Lines("Accuracy as choices come in", "earlier choices (middle of the step)", "accuracy", series, 0.5)
    return Record(
        "longitudinal",
        QUESTION,
        (*_followed(lab, ordered), *_stable(growing), *dict.fromkeys([*caveats(ordered), *caveats(growing)])),
        (
            TableRecord("Accuracy by the number of earlier choices", columns, tuple(rows)),
            TableRecord(
                "The same pairs, predicted from more and more choices",
                ("method", "predictions compared", "changed by more choices", "mean change of probability"),
                tuple(_steadiness(growing, label) for label in growing.lines),
            ),
        ),
        (chart,),
        settings_of(lab, ordered, recent=RECENT),
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """Accuracy on the pairs in one bin of the number of earlier choices."""

    name: str
    middle: float
    accuracy: float
    low: float | None
    high: float | None
    pairs: int


def _curve(result: BenchResult, label: str) -> Iterator[_Step]:
    held = np.array([one.history for one in result.asked])
    for low, high in STEPS:
        only = (held >= low) & (held <= high) & result.scored_by(label)
        if only.any():
            right = result.correct[label][only]
            people, weight = result.people[only], result.weight_of(only)
            lowest, highest = interval(right, people, result.design.seed, weight=weight) or (None, None)
            name = f"{low}–{high}" if high < MANY else f"{low} or more"
            yield _Step(
                name,
                float(np.median(held[only])),
                float(np.average(right, weights=weight)),
                lowest,
                highest,
                int(only.sum()),
            )


def _followed(lab: StudyContext, result: BenchResult) -> list[str]:
    """Summary sentences: all choices against the newest few, on pairs with more than `RECENT` earlier choices."""
    personal, older = lab.personal(), np.array([one.history > RECENT for one in result.asked])
    found = []
    for label, one in result.lines.items():
        entry = one.entry
        recent = result.label(entry.method, entry.model, RECENT)
        if entry.method not in personal or entry.context_pairs is not None or recent is None or not older.any():
            continue
        effect = result.effect(recent, label, older)
        if effect is None:
            continue
        if effect.difference > 0:
            what = verdict(effect, "tastes change: the newest choices predict better than all", "no change of taste")
        else:
            what = verdict(effect, "tastes are stable: older choices still help", "no change of taste")
        found.append(
            f"{label}: {what if effect.p <= 0.05 else what + ' could be shown'}; the newest {RECENT} against all "
            f"choices: {points(effect)}."
        )
    return found


def _pairs_of_steps(result: BenchResult, label: str) -> list[tuple[float, float]]:
    """Probabilities of the same pair before and after another quarter of the choices, for all such steps."""
    seen: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for asked, probability in zip(result.asked, result.probabilities[label], strict=True):
        if not np.isnan(probability):
            seen.setdefault((asked.user, asked.id), []).append((asked.history, float(probability)))
    steps = []
    for held in seen.values():
        ordered = [p for _, p in sorted(held)]
        steps += list(pairwise(ordered))
    return steps


def _turned(steps: list[tuple[float, float]]) -> int:
    return sum((before > 0.5) != (after > 0.5) for before, after in steps)


def _steadiness(result: BenchResult, label: str) -> tuple[object, ...]:
    steps = _pairs_of_steps(result, label)
    if not steps:
        return label, 0, None, None
    moved = float(np.mean([abs(after - before) for before, after in steps]))
    return label, len(steps), _turned(steps) / len(steps), moved


def _stable(result: BenchResult) -> list[str]:
    found = []
    for label in result.lines:
        steps = _pairs_of_steps(result, label)
        if steps:
            turned = share(_turned(steps), len(steps))
            found.append(f"{label}: another quarter of the choices changes {turned} of the predictions.")
    return found
