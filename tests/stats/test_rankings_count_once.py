"""A ranking of n responses is n (n − 1) / 2 pairs and one choice: it counts once wherever choices are counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from personalrm.bench.answers import Answers, MethodResult
from personalrm.bench.details import details_of
from personalrm.bench.entries import ResultKey
from personalrm.bench.evaluation import evaluate
from personalrm.bench.plan import Design, make_plan
from personalrm.bench.results import BenchResult
from personalrm.data.shares import shares
from personalrm.models.surface import Longer
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.learning import counted_once
from personalrm.optimizing.comparing import compared
from personalrm.optimizing.trials import CandidateOutcome
from personalrm.preferences import History, Preference
from personalrm.profile.spend import Spend
from personalrm.service import checking
from personalrm.service.evaluation import of_person, of_space
from personalrm.stats import metrics
from personalrm.stats.calibration import calibration
from personalrm.stats.intervals import interval, paired
from personalrm.stats.selective import risk_coverage, selective_risk, sure_threshold
from personalrm.store.predictions import Prediction, Tally
from personalrm.training.evaluation import PredictedChoices
from personalrm.training.evaluation import evaluate as evaluate_training

WORDS = ("Yes.", "Yes, of course.", "Yes, of course, always.", "Yes, of course, always and ever.", "No " * 20)


def _pair(user: str, at: int, chosen: str = "Long enough.", rejected: str = "Short.") -> Preference:
    return Preference(user=user, context=f"{user} asks {at}", chosen=chosen, rejected=rejected)


def _ranking(user: str, at: int, *, weighted: bool) -> list[Preference]:
    """Five responses, the longest first: ten pairs."""
    made = [
        Preference(user=user, context=f"{user} asks {at}", chosen=better, rejected=worse, ranking=f"r{at}")
        for worse, better in combinations(WORDS, 2)
    ]
    return [replace(one, weight=0.1) for one in made] if weighted else made


def _history(user: str, *, weighted: bool = True) -> History:
    """One ranking by length and one choice of the shorter response."""
    return History(user, (*_ranking(user, 0, weighted=weighted), _pair(user, 1, "Short.", "Long enough.")))


@pytest.mark.parametrize("weighted", [True, False])
def test_shares_add_up_to_one_a_ranking_whatever_the_weight_says(weighted: bool) -> None:
    history = _history("ada", weighted=weighted)
    assert shares(history) == pytest.approx([0.1] * 10 + [1.0])
    half = [replace(one, weight=0.05) for one in history.choices[:10]]  # a regenerated answer counts half
    assert sum(shares(half)) == pytest.approx(0.5)
    other = [replace(one, user="bob") for one in history.choices]
    assert sum(shares([*history, *other])) == pytest.approx(4.0)


@pytest.mark.parametrize("weighted", [True, False])
def test_bench_counts_a_ranking_once(weighted: bool) -> None:
    """The longer response wins the ranking's ten pairs and loses the choice: right in one of two, not in ten of 11."""
    people = [_history(f"p{number}", weighted=weighted) for number in range(6)]
    plan = make_plan(lambda: people, Design("new-people", 2))
    longer = np.array([float(a > b) for a, b in (one.lengths for one in plan.asked)])
    answers = Answers(longer, np.full((len(longer), 2), np.nan), spend=Spend())
    result = BenchResult(plan.design, plan.folds, "", plan.asked, (MethodResult(ResultKey("x", ""), True, answers),))
    row = result.rows()[0]
    assert (row.accuracy, row.people, row.pairs) == (pytest.approx(0.5), 6, 66)
    assert row.brier == pytest.approx(0.5)
    assert (row.low, row.high) == pytest.approx((0.1181, 0.8819), abs=1e-4)  # three of six people: all six are alike
    assert details_of(result)["x"]["over_people"]["value"] == pytest.approx(0.5)
    assert details_of(result)["x"]["calibration"][0]["observed"] != pytest.approx(10 / 11)


@pytest.mark.parametrize("weighted", [True, False])
def test_evaluate_counts_a_ranking_once(weighted: bool) -> None:
    class Judge:
        async def compare(self, context: object, a: str, b: str, verdicts: object = None) -> object:
            return Longer().compare(context, a, b)  # type: ignore[arg-type]

    found = asyncio.run(evaluate(Judge(), _history("ada", weighted=weighted), name="longer", model=""))  # type: ignore[arg-type]
    assert found.row["accuracy"] == pytest.approx(0.5)
    assert found.row["pairs"] == 11
    assert {row["name"]: row["accuracy"] for row in found.baselines}["longer"] == pytest.approx(0.5)


def test_a_person_with_rankings_has_no_more_say_in_the_mean_and_its_interval() -> None:
    """Six people with one choice each, wrong, and one with a ranking of five, right."""
    right, people = np.array([1.0] * 10 + [0.0] * 6), np.array([0] * 10 + [1, 2, 3, 4, 5, 6])
    weight = np.array([0.1] * 10 + [1.0] * 6)
    assert metrics.mean(right, weight) == pytest.approx(1 / 7)
    single = interval(np.array([1.0] + [0.0] * 6), np.arange(7))
    assert interval(right, people, weight=weight) == pytest.approx(single)
    test = paired(right, np.zeros(16), people, weight=weight)
    assert test is not None
    assert (test.difference, test.pairs) == (pytest.approx(1 / 7), 16)
    rng = np.random.default_rng(0)
    p, came = rng.random(80), (rng.random(80) < 0.5).astype(float)
    alike, plain = calibration(p, came, np.arange(80), weight=np.full(80, 0.5)), calibration(p, came, np.arange(80))
    assert alike is not None
    assert plain is not None
    assert alike.error == pytest.approx(plain.error)


def test_the_service_the_prompt_search_and_the_trainer_count_it_once() -> None:
    made = [Prediction(at, 1, 0.9, 1.0, "g", weight=0.1) for at in range(10)] + [Prediction(10, 1, 0.2, 0.0, "h")]
    found = of_person(made)
    assert (found["accuracy"], found["longer"]) == (pytest.approx(0.5), pytest.approx(0.5))
    tallies = [Tally("ada", 1.0, 1.0, 1.0, 0.1, 1.0), Tally("bob", 3.0, 3.0, 0.0, 3.0, 0.0)]
    assert of_space(tallies)["accuracy"] == pytest.approx(0.25)
    choices = [*_ranking("ada", 0, weighted=False), *(_pair("ada", at) for at in range(1, 4))]
    check = checking.compare([0.5] * 13, [0.9] * 10 + [0.1] * 3, choices)
    assert check.in_use == pytest.approx(np.log(2))
    assert check.new == pytest.approx(-(np.log(0.9) + 3 * np.log(0.1)) / 4)
    theirs = [CandidateOutcome("", (0.9,) * 10 + (0.1,), (0.1,) * 10 + (1.0,)) for _ in range(5)]
    assert compared(theirs, None, 0).shipped.accuracy == pytest.approx(0.5)
    listed = [one for number in range(5) for one in _history(f"p{number}")]
    p = np.array([float(len(one.chosen) > len(one.rejected)) for one in listed])
    trained = evaluate_training("x", PredictedChoices(listed, p, None, np.array(shares(listed))), 0)
    assert [one.accuracy for one in trained] == pytest.approx([0.5, 0.5])


def test_a_population_learns_from_a_ranking_once() -> None:
    """People who ranked the longest first, ten pairs each, against more people who chose the shorter response."""
    rankers = [History(f"r{at}", tuple(_ranking(f"r{at}", 0, weighted=False))) for at in range(4)]
    others = [
        History(f"s{at}", (_pair(f"s{at}", 0, WORDS[0], WORDS[4]), _pair(f"s{at}", 1, WORDS[1], WORDS[3])))
        for at in range(10)
    ]
    assert counted_once(others) is None
    counted = counted_once([*rankers, *others])
    assert counted is not None
    assert len(counted.once) == 4 + 20
    assert counted.weight.sum() == pytest.approx(24.0)
    verdict = TraitsModel.from_population([*rankers, *others]).compare((), WORDS[0], WORDS[4])
    assert verdict.probability is not None
    assert verdict.probability > 0.5  # by pairs the rankers lead, 40 to 20


def test_risk_and_coverage_count_a_ranking_once() -> None:
    once = np.array([0.9, 0.2, 0.7, 0.6, 0.45])
    often, weight = np.concatenate([np.repeat(once[:1], 10), once[1:]]), np.array([0.1] * 10 + [1.0] * 4)
    one, other = risk_coverage(once), risk_coverage(often, weight)
    assert one is not None
    assert other is not None
    assert other.area == pytest.approx(one.area)
    assert [other.at(part) for part in (0.2, 0.5, 1.0)] == pytest.approx([one.at(part) for part in (0.2, 0.5, 1.0)])
    people = np.zeros(5, dtype=np.intp), np.zeros(14, dtype=np.intp)
    assert selective_risk(often, people[1], 0.6, weight) == pytest.approx(selective_risk(once, people[0], 0.6))


def test_a_threshold_counts_a_ranking_once() -> None:
    rng = np.random.default_rng(1)
    once = np.clip(rng.normal(0.8, 0.1, (60, 5)), 0.01, 0.99)
    often = np.concatenate([np.repeat(once[:, :1], 10, axis=1), once[:, 1:]], axis=1)
    weight = np.tile([0.1] * 10 + [1.0] * 4, 60)
    one = sure_threshold(once.ravel(), np.repeat(np.arange(60), 5), 0.2)
    other = sure_threshold(often.ravel(), np.repeat(np.arange(60), 14), 0.2, weight=weight)
    assert one is not None
    assert other is not None
    assert (other.threshold, other.coverage) == pytest.approx((one.threshold, one.coverage))
