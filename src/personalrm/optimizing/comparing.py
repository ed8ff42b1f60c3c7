"""Is the new prompt better? Both on the same choices of people who took no part in making it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import bounded_map
from personalrm.optimizing.people import AT_ONCE, Prepared
from personalrm.optimizing.prompt_file import Difference, Held, Measured
from personalrm.optimizing.trials import Outcome, Progress, judged, points
from personalrm.profile.options import VerdictMode
from personalrm.stats.intervals import interval, paired
from personalrm.stats.metrics import accuracy, correctness, log_loss

Floats = NDArray[np.float64]
SURE = 0.05
"""P-value below which a difference is taken as one."""
_DIGITS = 6


async def outcomes(
    endpoint: Endpoint, instruction: str, people: Sequence[Prepared], verdicts: VerdictMode, seed: int, tell: Progress
) -> list[Outcome]:
    """What one instruction does for each person, in order."""
    found: dict[str, Outcome] = {}

    async def one(person: Prepared) -> tuple[str, Outcome]:
        return person.user, await judged(endpoint, instruction, person, verdicts, seed)

    async for user, outcome in bounded_map(one, people, AT_ONCE):
        found[user] = outcome
        tell("people held back", len(found), len(people))
    return [found[one.user] for one in people]


def compared(shipped: Sequence[Outcome], candidate: Sequence[Outcome] | None, seed: int) -> Held:
    """Both prompts measured, and their differences tested by person; the shipped one alone without a candidate."""
    theirs, people = _flat(shipped)
    if candidate is None:
        return Held(_measured(theirs, people, seed), None, ())
    ours, _ = _flat(candidate)
    tests = (
        _difference("score", _points(ours), _points(theirs), people, seed),
        _difference("accuracy", correctness(ours), correctness(theirs), people, seed),
    )
    return Held(
        _measured(theirs, people, seed), _measured(ours, people, seed), tuple(one for one in tests if one is not None)
    )


def is_better(held: Held) -> bool:
    """Whether the candidate's score is higher on people held back, and surely so."""
    first = held.paired[0] if held.paired else None
    return first is not None and first.of == "score" and first.difference > 0 and first.p < SURE


def verdict(held: Held, *, kept_anyway: bool) -> str:
    """The comparison in a sentence or two."""
    if held.candidate is None:
        return "No candidate did better than the shipped prompt on the training people: the shipped prompt stays."
    fate = "it is kept because that was asked for" if kept_anyway else "the shipped prompt stays"
    if not held.paired:
        return f"No choice could be read with both prompts, so nothing is known of the candidate; {fate}."
    test = held.paired[0]
    said = (
        f"On {test.people} people held back ({test.pairs} choices) the candidate's score differs from the shipped "
        f"prompt's by {test.difference:+.4f} (p = {test.p:.3f})"
    )
    if is_better(held):
        return f"{said}: it is better, and chosen."
    return f"{said}: a gain is not shown; {fate}."


def _flat(found: Sequence[Outcome]) -> tuple[Floats, NDArray[np.int64]]:
    """P(chosen) of every choice (NaN: unscored) and the number of its person, both of shape (pairs,)."""
    values = [np.nan if p is None else p for one in found for p in one.probabilities]
    codes = [code for code, one in enumerate(found) for _ in one.probabilities]
    return np.array(values, dtype=np.float64), np.array(codes, dtype=np.int64)


def _points(probability: Floats) -> Floats:
    return np.array([np.nan if np.isnan(p) else points(float(p)) for p in probability])


def _measured(probability: Floats, people: NDArray[np.int64], seed: int) -> Measured:
    bounds = interval(correctness(probability), people, seed)
    scored = ~np.isnan(probability)
    return Measured(
        accuracy=_rounded(accuracy(probability)),
        low=_rounded(bounds[0]) if bounds else None,
        high=_rounded(bounds[1]) if bounds else None,
        log_loss=_rounded(log_loss(probability)),
        score=_rounded(float(_points(probability)[scored].mean())) if scored.any() else None,
        pairs=int(scored.sum()),
        unscored=int((~scored).sum()),
        people=len(set(people[scored].tolist())),
    )


def _difference(of: str, ours: Floats, theirs: Floats, people: NDArray[np.int64], seed: int) -> Difference | None:
    test = paired(ours, theirs, people, seed)
    if test is None:
        return None
    low, high = _rounded(test.low), _rounded(test.high)
    return Difference(of, round(test.difference, _DIGITS), low, high, round(test.p, _DIGITS), test.people, test.pairs)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
