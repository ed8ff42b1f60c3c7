"""Causal checks: if the labels are flipped, or the choices are another person's, do the predictions follow?

What personalisation changes is the set of pairs for which a method names another response than it does without the
person. Where it really goes by the person's choices, flipped labels turn most of these predictions, and the gain is
gone or negative with flipped labels and with another person's choices.
"""

from __future__ import annotations

import numpy as np

from personalrm.bench.charts import Dots, Point, Series
from personalrm.bench.predicting import Method
from personalrm.bench.results import BenchResult
from personalrm.bench.statistics.uncertainty import Paired, paired
from personalrm.bench.studies.altered import Altered, flipped, swapped
from personalrm.bench.studies.lab import Lab, Record, TableRecord, caveats, plain_of, settings_of
from personalrm.bench.studies.wording import LEVEL, points, share

QUESTION = "If the labels are flipped, or the choices are another person's, do the predictions follow?"
FLIPPED, SWAPPED = "labels flipped", "another person's choices"


async def study(lab: Lab) -> Record:
    """Each personal method on the person's choices, on flipped ones, on another person's, and without any."""
    lines: list[Method] = []
    for name in lab.personal():
        for method in lab.made(name):
            lines += [method, Altered(method, FLIPPED, flipped), Altered(method, SWAPPED, swapped(lab.people()))]
    plains = [one for name in dict.fromkeys(map(plain_of, lab.personal())) for one in lab.made(name)]
    result = await lab.run("causal", [*plains, *lines], "context-target")
    labels = {(one.entry.method, one.entry.model): label for label, one in result.lines.items()}
    rows, reading, series = [], [], []
    for method in lines:
        if isinstance(method, Altered):
            continue
        wanted = [(name, method.model) for name in _names(method.name)]
        if not all(one in labels for one in wanted):
            continue
        own, plain, flip, swap = (labels[one] for one in wanted)
        rows += [_row(result, one, plain) for one in (own, flip, swap)]
        reading += _reading(result, own, plain, flip, swap)
        series += [_dots(result, one) for one in (plain, own, flip, swap)]
    columns = ("line", "accuracy", "95 % interval", "gain over plain", "95 % interval of the gain", "p", "pairs")
    return Record(
        "causal",
        QUESTION,
        (*reading, *caveats(result)),
        (TableRecord("What the choices do to predictions", columns, tuple(rows)),),
        (Dots("Accuracy by what was learned from", "accuracy", tuple(dict.fromkeys(series)), reference=0.5),),
        settings_of(lab, result),
    )


def turned(result: BenchResult, own: str, plain: str, other: str) -> tuple[int, int]:
    """Of the predictions that ``own`` changed against ``plain``: how many ``other`` does not name, and all of them."""
    sides = {label: np.sign(result.probabilities[label] - 0.5) for label in (own, plain, other)}
    scored = ~np.isnan(sides[own]) & ~np.isnan(sides[plain]) & ~np.isnan(sides[other])
    changed = scored & (sides[own] != sides[plain]) & (sides[own] != 0)
    return int((changed & (sides[other] != sides[own])).sum()), int(changed.sum())


def gain(result: BenchResult, label: str, plain: str) -> Paired | None:
    """The difference in accuracy against the plain line, by person."""
    return paired(result.correct[label], result.correct[plain], result.people, result.design.seed)


def _names(name: str) -> tuple[str, str, str, str]:
    return name, plain_of(name), f"{name}, {FLIPPED}", f"{name}, {SWAPPED}"


def _row(result: BenchResult, label: str, plain: str) -> tuple[object, ...]:
    (row,) = (one for one in result.rows() if one.label == label)
    effect = gain(result, label, plain)
    if effect is None:
        return label, row.accuracy, (row.low, row.high), None, None, None, row.pairs
    within = (effect.low, effect.high)
    return label, row.accuracy, (row.low, row.high), effect.difference, within, effect.p, effect.pairs


def _reading(result: BenchResult, own: str, plain: str, flip: str, swap: str) -> list[str]:
    found = []
    parts, whole = turned(result, own, plain, flip)
    if whole:
        followed, _ = turned(result, own, plain, swap)
        found.append(
            f"{own} names another response than {plain} for {whole:,} pairs. Flipping the labels turns "
            f"{share(parts, whole)} of these, another person's choices {share(followed, whole)}."
        )
    else:
        found.append(f"{own} predicts every pair as {plain} does: personalising changes nothing here.")
    for what, label in (("own choices", own), (FLIPPED, flip), (SWAPPED, swap)):
        effect = gain(result, label, plain)
        if effect is not None:
            sign = (
                "no gain that could be shown" if effect.p > LEVEL else "a gain" if effect.difference > 0 else "a loss"
            )
            found.append(f"{own} with {what}: {sign} over {plain}, {points(effect)}.")
    return found


def _dots(result: BenchResult, label: str) -> Series:
    (row,) = (one for one in result.rows() if one.label == label)
    return Series(label, (Point(0.0, row.accuracy or 0.0, row.low, row.high),))
