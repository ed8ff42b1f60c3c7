"""Evaluate one fitted profile on other choices of the same user.

Every result includes the surface baselines. With one user only, intervals are clustered by conversation group.

    evaluation = await evaluate(predictor, history, name="synthesizeme", model="gpt-4o-mini")
    evaluation.row["accuracy"], evaluation.baselines[0]["name"]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalrm.bench.answers import Answers, MethodResult
from personalrm.bench.entries import ResultKey
from personalrm.bench.methods import Setup, method_named
from personalrm.bench.origins import NOTHING, Origin, origin_of
from personalrm.bench.plan import Design, PlannedPair
from personalrm.bench.protocols import Question, Task, questions
from personalrm.bench.results import BenchResult
from personalrm.data.shares import shares
from personalrm.errors import NotEnoughChoices
from personalrm.formatting.notebook import html_table
from personalrm.formatting.numbers import between, number
from personalrm.llm.gather import gather
from personalrm.models.base import Predictor
from personalrm.models.worker import in_fitting_worker
from personalrm.preferences import History, Preference, Verdict, group_of
from personalrm.profile.merging import KnownChoices
from personalrm.profile.options import VerdictMode
from personalrm.profile.spend import Spend
from personalrm.stats.intervals import Floats, interval
from personalrm.stats.selective import risk_coverage

SURE_PARTS = (0.25, 0.5, 0.75, 1.0)
"""Coverages (shares of the most confident predictions) at which an evaluation reports the risk."""
BASELINES = ("longer", "first", "population")


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """Accuracy of a profile on test choices, with baselines.

    Attributes:
        row: result row of the profile, as in ``personalrm bench --json``.
        baselines: the same for each surface baseline and the population model.
        verdicts: verdict by choice id.
        seed, data: as given to `evaluate`.
        learned_from: number of test choices that the profile was fitted on; accuracy on them is not held-out.
        shared_conversations: number of other test choices from conversations that the profile was fitted on; they
            are easier than choices from new conversations.
        risk_coverage: error rate (``risk``) among the most confident predictions at each ``coverage`` (share of
            choices answered); empty where nothing is scored.
        trained_on: names of the rows whose model or prior was trained on data that includes this user; their
            accuracy is not held-out.
    """

    row: dict[str, Any]
    baselines: tuple[dict[str, Any], ...]
    verdicts: dict[str, Verdict]
    seed: int
    data: str
    learned_from: int = 0
    shared_conversations: int = 0
    trained_on: tuple[str, ...] = ()
    risk_coverage: tuple[dict[str, float], ...] = ()

    def __repr__(self) -> str:
        """A text table with one line for each method."""
        return "\n".join(("Evaluation:", *("  " + " · ".join(one) for one in self._table())))

    def _repr_html_(self) -> str:
        heads = ("method", "accuracy", "95 % interval", "choices", "log loss")
        return html_table(self.data or "Evaluation", heads, self._table())

    def _table(self) -> list[tuple[str, ...]]:
        """Rows of cells (method, accuracy, interval, choices, log loss) for both representations."""
        return [
            (
                str(row["name"]),
                number(row["accuracy"]),
                between(row["low"], row["high"]),
                str(row["pairs"]),
                number(row["log_loss"]),
            )
            for row in (self.row, *self.baselines)
        ]

    def as_json(self) -> dict[str, Any]:
        """The documented JSON of ``evaluate --json`` (docs/statistics.md), including the baselines."""
        return {
            "data": self.data,
            "protocol": "profile",
            "seed": self.seed,
            "learned_from": self.learned_from,
            "shared_conversations": self.shared_conversations,
            "trained_on": list(self.trained_on),
            "methods": [self.row],
            "risk_coverage": list(self.risk_coverage),
            "baselines": list(self.baselines),
        }


async def evaluate(
    predictor: Predictor,
    history: History,
    learned: Iterable[Preference] = (),
    origin: Origin = NOTHING,
    *,
    name: str,
    model: str,
    verdicts: VerdictMode = "token",
    spend: Callable[[], Spend] = Spend,
    seed: int = 0,
    data: str = "",
) -> Evaluation:
    """Predict every decided choice of ``history`` and compute accuracy, log loss and intervals.

    Args:
        predictor: predicts each pair.
        history: the choices to predict; the predictor should not have been fitted on them.
        learned: the choices that the predictor was fitted on.
        origin: origin of the model behind the predictor.
        name, model: method and model name of the row.
        verdicts: how a language model is asked.
        spend: returns the cost of the predictions; called afterwards.
        seed: random seed of the order in which pairs are shown and of the interval.
        data: name of the test data in the result.

    Raises:
        NotEnoughChoices: ``history`` has no decided choice.
    """
    asked = questions(history.decided, seed)
    if not asked:
        raise NotEnoughChoices(f"{data or 'the test set'} has no decided choice of {history.user}: nothing to predict")
    began = time.perf_counter()
    found = await gather(predictor.compare(one.context, one.a, one.b, verdicts) for one in asked)
    seconds = time.perf_counter() - began
    methods = [MethodResult(ResultKey(name, model), True, Answers.of(found, spend()), seconds)]
    methods += [await _baseline(one, history, asked, seed) for one in BASELINES]
    pairs = tuple(
        PlannedPair(one.user, one.id, one.group, 0, 0, one.preferred_side(seed), weight=part)
        for one, part in zip(history.decided, shares(history.decided), strict=True)
    )
    result = BenchResult(Design("profile", 1, seed, data), 1, "", pairs, tuple(methods))
    rows = await in_fitting_worker(_clustered_by_group, result, seed)
    by_id = dict(zip((one.id for one in asked), found, strict=True))
    known = _known(history.decided, tuple(learned))
    shipped = origin_of(method_named("population", Setup(seed)), alone=True)
    on = [of for of, one in ((name, origin), ("population", shipped)) if one.holds(history)]
    sure = _surest(next(iter(result.probabilities.values())), result.weight)
    return Evaluation(rows[0], tuple(rows[1:]), by_id, seed, data, *known, tuple(on), sure)


def _surest(probability: Floats, weight: Floats | None) -> tuple[dict[str, float], ...]:
    curve = risk_coverage(probability, weight)
    return () if curve is None else tuple({"coverage": part, "risk": curve.at(part)} for part in SURE_PARTS)


def _known(test: Iterable[Preference], learned: Sequence[Preference]) -> tuple[int, int]:
    """Number of test choices that were learned from, and of further ones whose conversation was learned from."""
    known, groups = KnownChoices(learned), {name for one in learned for name in _conversations(one)}
    again = [known.find(one) is not None for one in test]
    shared = [not groups.isdisjoint(_conversations(one)) for one in test]
    return sum(again), sum(one and not other for one, other in zip(shared, again, strict=True))


def _conversations(choice: Preference) -> set[str]:
    """Both names of a choice's conversation: its group in the data, and the hash of its first message."""
    return {choice.group, group_of(choice.context, choice.chosen, choice.rejected)}


async def _baseline(name: str, history: History, asked: tuple[Question, ...], seed: int) -> MethodResult:
    method = method_named(name, Setup(seed))
    began = time.perf_counter()
    predictor = await method.learn(tuple, 0)
    found = await predictor.predict(Task(history.only(()), asked))
    answers = Answers.of([Verdict(one.probability) for one in found.answers], found.spend)
    return MethodResult(ResultKey(name, method.model), method.probabilistic, answers, time.perf_counter() - began)


def _clustered_by_group(result: BenchResult, seed: int) -> list[dict[str, Any]]:
    """The result rows, with intervals clustered by conversation group instead of by user."""
    codes: dict[str, int] = {}
    groups = np.array([codes.setdefault(one.group, len(codes)) for one in result.asked], dtype=np.int64)
    rows: list[dict[str, Any]] = result.as_json()["methods"]
    for row, right in zip(rows, result.correct.values(), strict=True):
        row["low"], row["high"] = interval(right, groups, seed, weight=result.weight) or (None, None)
    return rows
