"""What one method answered in a run, as arrays: one place for each pair that was asked.

answers = gathered(folder.tasks(entry), plan, {})
answers.probability          # that response a is preferred, shape (pairs,), NaN where unscored
answers.orders               # the same for each order asked, shape (pairs, 2)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalrm.bench.entries import ResultKey
from personalrm.bench.plan import Plan
from personalrm.errors import DataError
from personalrm.preferences import Verdict
from personalrm.profile.provenance import Provenance
from personalrm.profile.spend import Spend

Floats = NDArray[np.float64]
TASTE = "taste_distance"
"""Of what was learned of a person: how far their taste is from the usual one."""


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers of one method.

    Attributes:
        probability: that response ``a`` is preferred, both orders combined, shape (pairs,), NaN where unscored.
        orders: the same when ``a`` was shown first and second, shape (pairs, 2), NaN where no order was asked or read.
        unscored: why, by the place of the pair.
        spend: what all of it takes; cached answers count like others.
        remarks: what judges noted of people, and of how many tasks ("no choices to learn from …": 3).
        taste: distance of the person's taste from the usual one, shape (pairs,), NaN where unknown; None
            where the method says it of nobody.
    """

    probability: Floats
    orders: Floats
    unscored: Mapping[int, str] = field(default_factory=dict)
    spend: Spend = field(default_factory=lambda: Spend(cost=0.0))
    remarks: Mapping[str, int] = field(default_factory=dict)
    taste: Floats | None = None

    @classmethod
    def of(cls, verdicts: Sequence[Verdict], spend: Spend) -> Answers:
        """From verdicts in the order of the pairs."""
        probability = np.array([_number(one.probability) for one in verdicts], dtype=np.float64)
        unscored = {at: _why(one.unscored) for at, one in enumerate(verdicts) if one.probability is None}
        return cls(probability, np.full((len(verdicts), 2), np.nan), unscored, spend)


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One line of a run.

    Attributes:
        entry: method, model, and how many choices could be learned from.
        probabilistic: whether its probabilities mean more than the side they favour.
        answers: what it answered.
        seconds: how long it ran, over all sittings.
        provenance: what the answers depend on.
        failure: why it could not be finished; its figures are then not to be shown.
    """

    entry: ResultKey
    probabilistic: bool
    answers: Answers
    seconds: float = 0.0
    provenance: Provenance | None = None
    failure: str | None = None


def gathered(rows: Iterable[Mapping[str, Any]], plan: Plan, unanswered: Mapping[int, str]) -> Answers:
    """The task rows of one method as arrays; pairs of tasks without a row are unscored.

    Args:
        rows: task rows, in the order of the tasks.
        plan: what was asked.
        unanswered: why tasks have no row, by their numbers.

    Raises:
        DataError: a row answers other pairs than those of its task.
    """
    pairs = len(plan.asked)
    probability, orders, taste = np.full(pairs, np.nan), np.full((pairs, 2), np.nan), np.full(pairs, np.nan)
    unscored: dict[int, str] = {}
    remarks: dict[str, int] = {}
    spend, known = Spend(cost=0.0), set()
    for row in rows:
        start = _start(row, plan)
        known.add(row["task"])
        for at, (value, both, why) in enumerate(
            zip(row["probability"], row["orders"], row["unscored"], strict=True), start
        ):
            probability[at] = _number(value)
            orders[at] = [_number(one) for one in both or (None, None)]
            if value is None:
                unscored[at] = _why(why)
        taste[start : start + len(row["ids"])] = row["learned"].get(TASTE, np.nan)
        spend = _sum(spend, row)
        if note := row["learned"].get("note"):
            remarks[note] = remarks.get(note, 0) + 1
    for number in range(len(plan.starts)):
        if number not in known:
            unscored |= dict.fromkeys(plan.places(number), _why(unanswered.get(number)))
    return Answers(probability, orders, unscored, spend, remarks, None if np.isnan(taste).all() else taste)


def _start(row: Mapping[str, Any], plan: Plan) -> int:
    places = plan.places(row["task"]) if row["task"] < len(plan.starts) else range(0)
    if [plan.asked[at].id for at in places] != row["ids"]:
        raise DataError(f"task {row['task']} of {row['method']} answers other pairs than this run asks")
    return places.start


def _sum(spend: Spend, row: Mapping[str, Any]) -> Spend:
    known = spend.cost is not None and row["cost"] is not None
    return replace(
        spend,
        calls=spend.calls + row["calls"],
        prompt_tokens=spend.prompt_tokens + row["prompt_tokens"],
        completion_tokens=spend.completion_tokens + row["completion_tokens"],
        cost=round((spend.cost or 0.0) + row["cost"], 9) if known else None,
    )


def _number(probability: float | None) -> float:
    if probability is None:
        return np.nan
    if isinstance(probability, bool) or not 0.0 <= probability <= 1.0:
        raise ValueError(f"expected a probability, found {probability!r:.40}")
    return probability


def _why(reason: str | None) -> str:
    return reason or "no reason given"
