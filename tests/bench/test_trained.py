"""Trained models in the benchmark, on simulated people: they show that it works, never an accuracy on people."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest
from facts import naming

from personalrm.bench.methods import Setup, asks, method_named
from personalrm.bench.plan import Design, make_plan
from personalrm.bench.protocols import Task, tasks
from personalrm.bench.running import run
from personalrm.data.simulated import simulate_people
from personalrm.errors import DataError, MissingExtra, NotEnoughChoices
from personalrm.models import registry
from personalrm.models.from_population import Recipe, Training
from personalrm.models.learned import Settings, save, train
from personalrm.models.registry import LEARNED
from personalrm.preferences import History

PEOPLE = simulate_people(24, choices=8, seed=5, prompt_tokens=20, response_tokens=40)
STRANGERS = simulate_people(12, choices=8, seed=6, prompt_tokens=20, response_tokens=40)
TRAITS = Training(features="traits")


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ensembles and few epochs: what is asked here is that it works."""
    monkeypatch.setattr("personalrm.models.learned.Settings", partial(Settings, members=2, epochs=3))


def test_every_trained_method_is_known_by_name_and_asks_nobody() -> None:
    published = [f"{one}:published" for one in LEARNED]
    prompted = [f"bt:{one}" for one in ("persona", "persona+demonstrations", "history", "demographics")]
    names = [*LEARNED, *published, "bt", *prompted]
    assert set(names) <= set(registry.names())
    assert not any(map(asks, [*names, "trained:somewhere"]))


@pytest.mark.parametrize("name", ["pref", pytest.param("gpo:published", marks=pytest.mark.slow)])
def test_a_learned_method_predicts_every_pair_of_unseen_people(name: str) -> None:
    result = run(PEOPLE, ["population", name], Design(folds=2), training=TRAITS)
    rows = {one.name: one for one in result.rows()}
    assert rows[name].pairs == rows["population"].pairs == sum(map(len, PEOPLE))
    assert rows[name].coverage == 1.0
    assert rows[name].model == "traits"


def test_seen_people_are_trained_on_by_their_contexts_and_never_by_their_targets() -> None:
    plan = make_plan(lambda: PEOPLE, Design(protocol="context-target", people="seen"))
    asked = {(one.user, one.id) for one in plan.asked}
    taught = {(one.user, choice.id) for one in plan.population_of(0) for choice in one}
    assert plan.folds == 1
    assert {one.user for one in plan.population_of(0)} == {one.user for one in PEOPLE}
    assert not asked & taught
    assert len(asked) + len(taught) == sum(map(len, PEOPLE))


def test_seen_people_need_their_own_contexts() -> None:
    with pytest.raises(DataError, match="context-target"):
        make_plan(lambda: PEOPLE, Design(people="seen"))
    with pytest.raises(DataError, match="no --population"):
        make_plan(lambda: PEOPLE, Design(protocol="context-target", people="seen"), lambda: STRANGERS)


def test_seen_people_are_predicted() -> None:
    result = run(PEOPLE, ["lore"], Design(protocol="context-target", people="seen"), training=TRAITS)
    assert result.rows()[0].coverage == 1.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("runs") / "lore"
    save(train(PEOPLE, Settings("lore", features="traits", members=2, epochs=4)), where)
    return where


def test_a_trained_model_predicts_strangers(folder: Path) -> None:
    result = run(STRANGERS, [f"trained:{folder}"], Design(protocol="context-target"))
    assert result.rows()[0].coverage == 1.0


def test_a_trained_model_is_not_tested_on_whom_it_was_trained_on(folder: Path) -> None:
    with pytest.raises(DataError, match="trained on 1 of the 13 people"):
        run([*STRANGERS, PEOPLE[0]], [f"trained:{folder}"], Design(protocol="context-target"))
    seen = run(PEOPLE, [f"trained:{folder}"], Design(protocol="context-target", people="seen"))
    assert seen.rows()[0].coverage == 1.0


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=naming(tmp_path)):
        run(STRANGERS, [f"trained:{tmp_path}"])


def test_too_few_people_to_train_on_are_counted() -> None:
    with pytest.raises(NotEnoughChoices, match="at least 10 people"):
        run(PEOPLE[:6], ["pref"], Design(folds=2), training=TRAITS)


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "personalrm.models.learned", None)
    with pytest.raises(MissingExtra, match=r"personalrm\[train\]"):
        run(PEOPLE, ["pref"], Design(folds=2), training=TRAITS)


async def test_a_person_without_choices_is_predicted_as_everybody_would_be() -> None:
    def population() -> Iterable[History]:
        return PEOPLE

    predictor = await method_named("pref", Setup(recipe=Recipe(training=TRAITS))).learn(population, 0)
    (task, _), *_ = tasks(STRANGERS[0], "new-people")
    found = await predictor.predict(Task(task.history.only(()), task.questions))
    assert all(one.probability is not None for one in found.answers)
