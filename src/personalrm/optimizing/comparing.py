"""Comparison of the optimised and the shipped prompt on the choices of held-out people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from personalrm.formatting.numbers import signed
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import bounded_map
from personalrm.optimizing.people import AT_ONCE, PreparedPerson
from personalrm.optimizing.prompt_file import Difference, HoldoutScores, PromptMetrics
from personalrm.optimizing.trials import CandidateOutcome, Progress, judged, points
from personalrm.profile.options import VerdictMode
from personalrm.stats.intervals import interval, paired
from personalrm.stats.metrics import accuracy, correctness, log_loss, mean

Floats = NDArray[np.float64]
SIGNIFICANCE = 0.05
"""Significance level."""
_DIGITS = 6


async def outcomes(
    endpoint: Endpoint,
    instruction: str,
    people: Sequence[PreparedPerson],
    verdicts: VerdictMode,
    seed: int,
    report: Progress,
) -> list[CandidateOutcome]:
    """The outcome of one instruction for each person, in order."""
    found: dict[str, CandidateOutcome] = {}

    async def one(person: PreparedPerson) -> tuple[str, CandidateOutcome]:
        return person.user, await judged(endpoint, instruction, person, verdicts, seed)

    async for user, outcome in bounded_map(one, people, AT_ONCE):
        found[user] = outcome
        report("held-out people", len(found), len(people))
    return [found[one.user] for one in people]


def compared(
    shipped: Sequence[CandidateOutcome], candidate: Sequence[CandidateOutcome] | None, seed: int
) -> HoldoutScores:
    """The metrics of both prompts, and their paired differences, clustered by person; no candidate, no differences."""
    theirs, people, weight = _flat(shipped)
    measured = partial(_measured, people=people, weight=weight, seed=seed)
    if candidate is None:
        return HoldoutScores(measured(theirs), None, ())
    ours = _flat(candidate)[0]
    differ = partial(_difference, people=people, weight=weight, seed=seed)
    tests = (
        differ("score", _points(ours), _points(theirs)),
        differ("accuracy", correctness(ours), correctness(theirs)),
    )
    return HoldoutScores(measured(theirs), measured(ours), tuple(one for one in tests if one is not None))


def is_better(held: HoldoutScores) -> bool:
    """Whether the candidate's score is significantly higher on held-out people."""
    first = held.paired[0] if held.paired else None
    return first is not None and first.of == "score" and first.difference > 0 and first.p < SIGNIFICANCE


def verdict(held: HoldoutScores, *, kept_anyway: bool) -> str:
    """The comparison in a sentence or two."""
    if held.candidate is None:
        return "No candidate scored higher than the shipped prompt on the training people: the shipped prompt stays."
    decision = "it is accepted because --accept-best was given" if kept_anyway else "the shipped prompt stays"
    if not held.paired:
        return f"No choice has a readable verdict with both prompts, so they cannot be compared; {decision}."
    test = held.paired[0]
    finding = (
        f"On {test.people} held-out people ({test.pairs} choices) the candidate's score differs from the shipped "
        f"prompt's by {signed(test.difference, 4)} (p = {test.p:.3f})"
    )
    if is_better(held):
        return f"{finding}: a significant gain; the candidate is chosen."
    return f"{finding}: no significant gain; {decision}."


def _flat(found: Sequence[CandidateOutcome]) -> tuple[Floats, NDArray[np.int64], Floats]:
    """P(chosen) of every choice (NaN: unscored), the index of its person, how much it counts: of shape (pairs,)."""
    values = [np.nan if p is None else p for one in found for p in one.probabilities]
    codes = [code for code, one in enumerate(found) for _ in one.probabilities]
    weight = [part for one in found for part in one.counts]
    return np.array(values, dtype=np.float64), np.array(codes, dtype=np.int64), np.array(weight, dtype=np.float64)


def _points(probability: Floats) -> Floats:
    return np.array([np.nan if np.isnan(p) else points(float(p)) for p in probability])


def _measured(probability: Floats, people: NDArray[np.int64], weight: Floats, seed: int) -> PromptMetrics:
    bounds = interval(correctness(probability), people, seed, weight=weight)
    scored = ~np.isnan(probability)
    return PromptMetrics(
        accuracy=_rounded(accuracy(probability, weight)),
        low=_rounded(bounds[0]) if bounds else None,
        high=_rounded(bounds[1]) if bounds else None,
        log_loss=_rounded(log_loss(probability, weight)),
        score=_rounded(mean(_points(probability), weight)),
        pairs=int(scored.sum()),
        unscored=int((~scored).sum()),
        people=len(set(people[scored].tolist())),
    )


def _difference(
    of: str, ours: Floats, theirs: Floats, people: NDArray[np.int64], weight: Floats, seed: int
) -> Difference | None:
    test = paired(ours, theirs, people, seed, weight=weight)
    if test is None:
        return None
    low, high = _rounded(test.low), _rounded(test.high)
    return Difference(of, round(test.difference, _DIGITS), low, high, round(test.p, _DIGITS), test.people, test.pairs)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
