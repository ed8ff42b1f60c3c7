"""The study ``cross-context``: do choices in one type of conversation predict choices in another?

For every type, the later groups are predicted from its own earlier groups, and from as many choices of each other type.
All cells of a column of the matrix therefore have the same pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from personalrm.bench.charts import Matrix
from personalrm.bench.protocols import tasks
from personalrm.bench.results import BenchResult
from personalrm.bench.studies.lab import Record, StudyContext, TableRecord, caveats, plain_of, settings_of
from personalrm.bench.studies.wording import points, verdict
from personalrm.stats.intervals import Paired, paired

QUESTION = "What is learned in one type of conversation, does it predict choices in another?"
PROTOCOL = "cross-context"


@dataclass(frozen=True, slots=True)
class _Place:
    """Conversation types of one prediction: of the choices learned from, and of the predicted pair."""

    learned: str
    predicted: str


async def study(lab: StudyContext) -> Record:
    """Run all personalized methods for each combination of types."""
    result = await lab.run("cross-context", lab.with_plain(), PROTOCOL)
    places = list(_places(lab))
    domains = sorted({one.learned for one in places})
    rows, reading, charts = [], [], []
    for label, plain in _personal_lines(lab, result):
        cells: list[tuple[float | None, ...]] = []
        for learned in domains:
            gains = [_gain(result, places, label, plain, _Place(learned, predicted)) for predicted in domains]
            cells.append(tuple(one.difference if one else None for one in gains))
            rows += [
                (label, learned, predicted, *_cells(result, places, label, _Place(learned, predicted), one))
                for predicted, one in zip(domains, gains, strict=True)
            ]
        title = f"Gain of {label} over {plain}"
        charts.append(Matrix(title, "predicted in", "learned in", tuple(domains), tuple(domains), tuple(cells), 0.0))
        reading += _reading(result, places, label)
    columns = ("method", "learned in", "predicted in", "accuracy", "gain", "95 % interval", "p", "pairs")
    return Record(
        "cross-context",
        QUESTION,
        (*reading, *caveats(result)),
        (TableRecord("Accuracy by training type and test type", columns, tuple(rows)),),
        tuple(charts),
        settings_of(lab, result, types=domains),
    )


def _places(lab: StudyContext) -> Iterator[_Place]:
    for history in lab.people():
        for task, _ in tasks(history, PROTOCOL, lab.seed):
            learned = next((one.domain for one in task.history if one.domain), "") or ""
            for one in task.questions:
                yield _Place(learned, one.domain or "")


def _personal_lines(lab: StudyContext, result: BenchResult) -> Iterator[tuple[str, str]]:
    personal = lab.personal()
    for label, one in result.lines.items():
        plain = result.label(plain_of(one.entry.method), one.entry.model)
        if one.entry.method in personal and plain is not None:
            yield label, plain


def _only(places: list[_Place], place: _Place) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([one == place for one in places], dtype=bool)


def _gain(result: BenchResult, places: list[_Place], label: str, plain: str, place: _Place) -> Paired | None:
    only = _only(places, place)
    return result.effect(label, plain, only) if only.any() else None


def _cells(
    result: BenchResult, places: list[_Place], label: str, place: _Place, effect: Paired | None
) -> tuple[object, ...]:
    if effect is None:
        return None, None, None, None, 0
    right = result.correct[label][_only(places, place)]
    return float(np.nanmean(right)), effect.difference, (effect.low, effect.high), effect.p, effect.pairs


def _reading(result: BenchResult, places: list[_Place], label: str) -> list[str]:
    """Summary sentences: accuracy on the same pairs, learned in their own type and in other types (mean over these)."""
    own: dict[tuple[str, str], float] = {}
    others: dict[tuple[str, str], list[float]] = {}
    for asked, place, right in zip(result.asked, places, result.correct[label], strict=True):
        if place.learned == place.predicted:
            own[asked.user, asked.id] = float(right)
        else:
            others.setdefault((asked.user, asked.id), []).append(float(right))
    keys = [key for key in own if key in others]
    if not keys:
        return [f"{label}: no user has choices of two types, so there is nothing to compare."]
    codes = {user: at for at, user in enumerate(dict.fromkeys(user for user, _ in keys))}
    effect = paired(
        np.array([own[key] for key in keys]),
        np.array([float(np.mean(others[key])) for key in keys]),
        np.array([codes[user] for user, _ in keys]),
        result.design.seed,
    )
    if effect is None:
        return []
    what = verdict(effect, "matters", "is not shown to matter")
    return [
        f"{label}: whether the choices come from the same type of conversation {what}; the difference between the same "
        f"type and another is {points(effect)}, on {effect.pairs:,} pairs of {effect.people:,} people."
    ]
