"""The study ``causal``: do predictions change if the labels are flipped, or the choices are another person's?

The pairs changed by personalization are those for which a method prefers another response than its version without
the user. If the method uses the user's choices, flipped labels change most of these predictions, and the gain is zero
or negative with flipped labels and with another person's choices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from personalrm.bench.charts import Dots, Point, Series
from personalrm.bench.protocols import Method
from personalrm.bench.results import BenchResult
from personalrm.bench.studies.altered import PerturbedMethod, flipped, swapped
from personalrm.bench.studies.lab import Record, StudyContext, TableRecord, caveats, plain_of, settings_of
from personalrm.bench.studies.wording import LEVEL, points, share
from personalrm.privacy import refuse_mixing
from personalrm.stats.intervals import Paired

QUESTION = "If the labels are flipped, or the choices are another person's, do the predictions follow?"
MIXING = "the study 'causal' predicts a person's choices from another person's, in one prompt"
FLIPPED, SWAPPED = "labels flipped", "another person's choices"


async def study(lab: StudyContext) -> Record:
    """Run each personalized method on the user's choices, on flipped ones, on another person's, and without choices.

    Raises:
        PrivacyRefused: in a private context, before any data are read.
    """
    refuse_mixing(MIXING, private=lab.private)
    lines: list[Method] = []
    for name in lab.personal():
        for method in lab.made(name):
            lines += [
                method,
                PerturbedMethod(method, FLIPPED, flipped),
                PerturbedMethod(method, SWAPPED, swapped(lab.people(), lab.private)),
            ]
    plains = [one for name in dict.fromkeys(map(plain_of, lab.personal())) for one in lab.made(name)]
    result = await lab.run("causal", [*plains, *lines], "context-target")
    rows, reading, series = [], [], []
    for method in lines:
        if isinstance(method, PerturbedMethod):
            continue
        found = [result.label(name, method.model) for name in _names(method.name)]
        finished = [one for one in found if one is not None]
        if len(finished) < len(found):
            continue
        own, plain, flip, swap = finished
        gains = {label: result.effect(label, plain) for label in (own, flip, swap)}
        rows += [_row(result, label, effect) for label, effect in gains.items()]
        reading += [_followed(result, own, plain, flip, swap), *_gained(gains, own, plain)]
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
    """Count the pairs where ``own`` differs from ``plain``: those where ``other`` differs from ``own``, and all."""
    sides = {label: np.sign(result.probabilities[label] - 0.5) for label in (own, plain, other)}
    scored = ~np.isnan(sides[own]) & ~np.isnan(sides[plain]) & ~np.isnan(sides[other])
    changed = scored & (sides[own] != sides[plain]) & (sides[own] != 0)
    return int((changed & (sides[other] != sides[own])).sum()), int(changed.sum())


def _names(name: str) -> tuple[str, str, str, str]:
    return name, plain_of(name), f"{name}, {FLIPPED}", f"{name}, {SWAPPED}"


def _row(result: BenchResult, label: str, effect: Paired | None) -> tuple[object, ...]:
    row = result.row_of[label]
    gain = (None, None, None) if effect is None else (effect.difference, (effect.low, effect.high), effect.p)
    return label, row.accuracy, (row.low, row.high), *gain, row.pairs if effect is None else effect.pairs


def _followed(result: BenchResult, own: str, plain: str, flip: str, swap: str) -> str:
    parts, whole = turned(result, own, plain, flip)
    if not whole:
        return f"{own} predicts the same response as {plain} for every pair: personalization has no effect here."
    followed, _ = turned(result, own, plain, swap)
    return (
        f"{own} prefers another response than {plain} for {whole:,} pairs. Flipping the labels changes "
        f"{share(parts, whole)} of these predictions, another person's choices {share(followed, whole)}."
    )


def _gained(gains: Mapping[str, Paired | None], own: str, plain: str) -> Iterator[str]:
    for what, effect in zip(("own choices", FLIPPED, SWAPPED), gains.values(), strict=True):
        if effect is not None:
            real = "a gain" if effect.difference > 0 else "a loss"
            sign = real if effect.p <= LEVEL else "no significant gain"
            yield f"{own} with {what}: {sign} over {plain}, {points(effect)}."


def _dots(result: BenchResult, label: str) -> Series:
    row = result.row_of[label]
    return Series(label, (Point(0.0, row.accuracy or 0.0, row.low, row.high),))
