"""How well one fitted profile predicts choices of that person it has not seen.

The surface baselines stand beside every result, and the interval is clustered: by conversation group, since there is
only one person.

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
"""Shares of the surest choices at which an evaluation tells the risk."""
BASELINES = ("longer", "first", "population")


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """How well a profile predicts.

    Attributes:
        row: of the profile, as in ``personalrm bench --json``.
        baselines: the same for each surface baseline and the population.
        verdicts: by choice id.
        seed, data: as given.
        learned_from: choices that the profile was learned from: the accuracy on them is no prediction.
        shared_conversations: others whose conversation was learned from: easier than choices of new conversations.
        risk_coverage: share of wrong answers (``risk``) among the surest predictions, for each share of the choices
            that is answered (``coverage``); empty where nothing is scored.
        trained_on: names of the rows whose model or prior was learned from this person's choices among others': their
            accuracy is no prediction.
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
        """One line for each method."""
        return "\n".join(("Evaluation:", *("  " + " · ".join(one) for one in self._table())))

    def _repr_html_(self) -> str:
        heads = ("method", "accuracy", "95 % interval", "choices", "log loss")
        return html_table(self.data or "Evaluation", heads, self._table())

    def _table(self) -> list[tuple[str, ...]]:
        """The cells of `_repr_html_`."""
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
        """The promised JSON, with the baselines beside it."""
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
    """Predict every decided choice of ``history``; NotEnoughChoices if there is none.

    Args:
        predictor: gives the verdict on each pair.
        history: the choices to predict; none of them should have been learned from.
        learned: the choices that were learned from.
        origin: of the model behind the predictor.
        name, model: what the row is called.
        verdicts: how a model is asked.
        spend: what the prediction cost, asked afterwards.
        seed: of the order in which pairs are shown and of the interval.
        data: what the result calls the choices.
    """
    asked = questions(history.decided, seed)
    if not asked:
        raise NotEnoughChoices(
            f"{data or 'the test set'} holds no decided choice of {history.user}: nothing to predict"
        )
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
    sure = _surest(next(iter(result.probabilities.values())))
    return Evaluation(rows[0], tuple(rows[1:]), by_id, seed, data, *known, tuple(on), sure)


def _surest(probability: Floats) -> tuple[dict[str, float], ...]:
    curve = risk_coverage(probability)
    return () if curve is None else tuple({"coverage": part, "risk": curve.at(part)} for part in SURE_PARTS)


def _known(test: Iterable[Preference], learned: Sequence[Preference]) -> tuple[int, int]:
    """How many of the choices were learned from, and how many others are of a conversation that was."""
    known, groups = KnownChoices(learned), {name for one in learned for name in _conversations(one)}
    again = [known.find(one) is not None for one in test]
    shared = [not groups.isdisjoint(_conversations(one)) for one in test]
    return sum(again), sum(one and not other for one, other in zip(shared, again, strict=True))


def _conversations(choice: Preference) -> set[str]:
    """By what the data calls the conversation, and by its first message."""
    return {choice.group, group_of(choice.context, choice.chosen, choice.rejected)}


async def _baseline(name: str, history: History, asked: tuple[Question, ...], seed: int) -> MethodResult:
    method = method_named(name, Setup(seed))
    began = time.perf_counter()
    predictor = await method.learn(tuple, 0)
    found = await predictor.predict(Task(history.only(()), asked))
    answers = Answers.of([Verdict(one.probability) for one in found.answers], found.spend)
    return MethodResult(ResultKey(name, method.model), method.probabilistic, answers, time.perf_counter() - began)


def _clustered_by_group(result: BenchResult, seed: int) -> list[dict[str, Any]]:
    """The rows with intervals over groups instead of people."""
    codes: dict[str, int] = {}
    groups = np.array([codes.setdefault(one.group, len(codes)) for one in result.asked], dtype=np.int64)
    rows: list[dict[str, Any]] = result.as_json()["methods"]
    for row, right in zip(rows, result.correct.values(), strict=True):
        row["low"], row["high"] = interval(right, groups, seed, weight=result.weight) or (None, None)
    return rows
