"""The embedded engine on the bench: population against personalised, on simulated and on real people."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from math import log
from typing import Any

import numpy as np
import pytest

from personalrm.bench.details import details_of
from personalrm.bench.plan import Design
from personalrm.bench.results import BenchResult
from personalrm.bench.running import run
from personalrm.data.simulated import simulate_people
from personalrm.errors import DataError
from personalrm.models.traits import TraitsModel
from personalrm.preferences import History


@pytest.fixture(scope="module")
def result(seventy_people: list[History]) -> BenchResult:
    return run(seventy_people[:60], ["longer", "population", "traits"], Design(folds=2))


def test_both_know_more_than_nothing_on_people_they_never_saw(result: BenchResult) -> None:
    for row in result.rows()[1:]:
        assert row.coverage == 1.0
        assert row.log_loss is not None
        assert row.log_loss < log(2) - 0.03
        assert row.low is not None
        assert row.low > 0.5
        assert (row.calls, row.cost, row.model) == (0, 0.0, "traits")


def test_personalised_differs_exactly_where_there_is_a_history(result: BenchResult) -> None:
    history = np.array([one.history for one in result.asked])
    moved = np.abs(result.probabilities["traits"] - result.probabilities["population"])
    assert np.all(moved[history == 0] == 0)
    assert np.mean(moved[history > 0] > 1e-6) > 0.7  # the others' own weights did not predict them better


def test_people_are_in_the_order_of_how_common_their_taste_is(result: BenchResult) -> None:
    assert result.lines["population"].answers.taste is None
    distance = result.lines["traits"].answers.taste
    assert distance is not None
    history = np.array([one.history for one in result.asked])
    assert np.isnan(distance[history == 0]).all()
    assert np.all(distance[history > 0] > 0.0)
    tastes = details_of(result)["population"]["tastes"]
    assert [one["decile"] for one in tastes] == list(range(1, 11))
    assert sum(one["people"] for one in tastes) == len(set(result.people[~np.isnan(distance)].tolist()))


def test_the_population_is_fitted_once_a_fold_for_both(people: list[History], monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []

    def counted(people: Iterable[History], **how: Any) -> TraitsModel:
        fitted.append(how)
        return TraitsModel.shipped()

    monkeypatch.setattr(TraitsModel, "from_population", counted)
    run(people[:12], ["population", "traits"], Design(folds=2))
    assert len(fitted) == 2


def test_two_folds_are_learned_at_once(people: list[History], monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=20.0)

    def met(people: Iterable[History], **how: Any) -> TraitsModel:
        both.wait()
        return TraitsModel.shipped()

    monkeypatch.setattr(TraitsModel, "from_population", met)
    assert run(people[:12], ["population"], Design(folds=2)).rows()[0].coverage == 1.0


def test_other_people_can_be_the_population(people: list[History]) -> None:
    made = run(people[:10], ["traits"], Design(population="people.jsonl"), population=people[:30])
    assert (made.folds, made.design.population) == (1, "people.jsonl")
    assert made.rows()[0].people == 10


def test_one_person_alone_is_predicted_with_the_prior_that_ships() -> None:
    row = run(simulate_people(1, choices=8, seed=3), ["traits"]).rows()[0]
    assert (row.people, row.coverage, row.low) == (1, 1.0, None)


@pytest.mark.parametrize("name", ["traits", "population"])
def test_the_prior_that_ships_is_not_tested_on_its_own_people(name: str, prism: list[History]) -> None:
    own = prism[:3]
    renamed = [History(f"p{at}", tuple(replace(one, user=f"p{at}") for one in person)) for at, person in enumerate(own)]
    for people in (own, renamed):
        with pytest.raises(DataError, match=rf"trained on 3 of the 3 people .*'{people[0].user}'"):
            run(people, [name], Design(folds=1))
    assert run(own, ["longer", name], Design(folds=3)).rows()[1].coverage == 1.0  # learned anew from the others
