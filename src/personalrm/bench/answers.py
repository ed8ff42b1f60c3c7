"""The answers of one method in a run, as arrays with one element for each predicted pair.

answers = answers_from_rows(folder.tasks(entry), plan, {})
answers.probability          # that response a is preferred, shape (pairs,), NaN where unscored
answers.orders               # the same for each order asked, shape (pairs, 2)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalrm.bench.entries import ResultKey
from personalrm.bench.learned import LearnedByLine
from personalrm.bench.plan import Plan
from personalrm.errors import DataError
from personalrm.preferences import Verdict
from personalrm.profile.provenance import Provenance
from personalrm.profile.spend import Spend

Floats = NDArray[np.float64]
TASTE = "taste_distance"
"""Key in ``Prediction.learned``: distance of the user's taste from the population mean."""


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers of one method.

    Attributes:
        probability: that response ``a`` is preferred, both orders combined, shape (pairs,), NaN where unscored.
        orders: the same when ``a`` was shown first and second, shape (pairs, 2), NaN where no order was asked or read.
        unscored: reason by pair index, for pairs without a probability.
        spend: calls, tokens and cost of all answers; cached answers count like new ones.
        remarks: number of tasks for each note of a judge ("no choices to learn from …": 3).
        taste: distance of the user's taste from the population mean, shape (pairs,), NaN where unknown; None
            where the method does not compute it.
        learned: what was learned, as one sentence (`bench.learned`); None if nothing is said of it.
    """

    probability: Floats
    orders: Floats
    unscored: Mapping[int, str] = field(default_factory=dict)
    spend: Spend = field(default_factory=lambda: Spend(cost=0.0))
    remarks: Mapping[str, int] = field(default_factory=dict)
    taste: Floats | None = None
    learned: str | None = None

    @classmethod
    def of(cls, verdicts: Sequence[Verdict], spend: Spend) -> Answers:
        """Answers made from verdicts, given in the order of the pairs; ``orders`` is all NaN."""
        probability = np.array([_number(one.probability) for one in verdicts], dtype=np.float64)
        unscored = {at: _why(one.unscored) for at, one in enumerate(verdicts) if one.probability is None}
        return cls(probability, np.full((len(verdicts), 2), np.nan), unscored, spend)

    @property
    def why_nothing_is_scored(self) -> str | None:
        """One sentence with the most frequent reason if no pair is scored; None if any is, or there is none."""
        if not len(self.probability) or not np.isnan(self.probability).all():
            return None
        return nothing_scored(self.unscored.values(), len(self.probability))


def nothing_scored(reasons: Iterable[str], pairs: int) -> str:
    """Return a sentence for a model none of whose answers could be used, with the most frequent reason."""
    counted_reasons = Counter(reasons).most_common(1)
    why = counted_reasons[0][0] if counted_reasons else "no reason given"
    if pairs == 1:
        return f"the only pair could not be scored, because: {why}"
    return f"none of {pairs:,} pairs could be scored, most often because: {why}"


@dataclass(frozen=True, slots=True)
class MethodResult:
    """The result of one method on one model (one line of the result table).

    Attributes:
        entry: method, model, and maximum number of choices to learn from.
        probabilistic: whether its probabilities are graded (not only 0, 0.5 and 1).
        answers: its answers.
        seconds: run time, summed over all starts of the run.
        provenance: everything the answers depend on.
        failure: why the method did not finish; reports then omit its metrics.
    """

    entry: ResultKey
    probabilistic: bool
    answers: Answers
    seconds: float = 0.0
    provenance: Provenance | None = None
    failure: str | None = None


def answers_from_rows(rows: Iterable[Mapping[str, Any]], plan: Plan, unanswered: Mapping[int, str]) -> Answers:
    """Collect the task rows of one method into arrays; pairs of tasks without a row are unscored.

    Args:
        rows: task rows, in the order of the tasks.
        plan: the plan of the run.
        unanswered: reason by task number, for tasks without a row.

    Raises:
        DataError: the pair ids of a row differ from those of its task.
    """
    pairs = len(plan.asked)
    probability, orders, taste = np.full(pairs, np.nan), np.full((pairs, 2), np.nan), np.full(pairs, np.nan)
    unscored: dict[int, str] = {}
    remarks: dict[str, int] = {}
    learned = LearnedByLine()
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
        learned.add(row["learned"])
        if note := row["learned"].get("note"):
            remarks[note] = remarks.get(note, 0) + 1
    for number in range(len(plan.starts)):
        if number not in known:
            unscored |= dict.fromkeys(plan.places(number), _why(unanswered.get(number)))
    tastes = None if np.isnan(taste).all() else taste
    return Answers(probability, orders, unscored, spend, remarks, tastes, learned.sentence())


def _start(row: Mapping[str, Any], plan: Plan) -> int:
    places = plan.places(row["task"]) if row["task"] < len(plan.starts) else range(0)
    if [plan.asked[at].id for at in places] != row["ids"]:
        raise DataError(f"task {row['task']} of {row['method']}: the pair ids differ from those of this run")
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
