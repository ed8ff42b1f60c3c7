"""Estimates the number of calls of a fit in advance, for progress bars and warnings about duration."""

from __future__ import annotations

from personalrm.data.splits import split
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis import demonstrations as stage
from personalrm.synthesis import frugal
from personalrm.synthesis.first_stages import drop_identical_pairs


def planned_calls(history: History, options: Options) -> int | None:
    """Return the approximate number of answers that a fit of this history needs; None for the preset `paper`, which
    varies.

    Second requests after unreadable letters are included, and cached answers count like others.
    """
    parts = split(drop_identical_pairs(history), options.validation, options.seed)
    training, validation = len(parts.training.decided), len(parts.validation.choices)
    if options.preset == "frugal":
        return frugal.calls(validation)
    reasonings = training * options.samples * (2 if options.both_orders else 1)
    if not options.selection or not validation:
        return reasonings + 1
    if options.preset == "paper":
        return None
    sets, first = min(3, training), stage.first_round(parts.validation.choices)
    return reasonings + 1 + 2 * (3 * validation + sets * first + validation - first)
