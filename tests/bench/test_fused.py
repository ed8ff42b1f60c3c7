"""Fused evidence on the bench: simulated people with cached verdicts of judges of known quality."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from facts import naming

from personalrm.bench.fused import members_of
from personalrm.bench.plan import Design
from personalrm.bench.results import BenchResult
from personalrm.bench.running import run
from personalrm.data.splits import folds_by_person
from personalrm.errors import DataError
from personalrm.models.fusion.out_of_fold import out_of_fold
from personalrm.models.registry import names
from personalrm.models.traits import TraitsModel
from personalrm.preferences import History, Preference

GOOD, COIN, BAD = "judge:good", "judge:coin", "judge:bad"
DESIGN = Design(protocol="context-target", folds=2)
RIGHT = {"good": 0.85, "coin": 0.5, "bad": 0.15}


def judged(people: list[History], rate: Callable[[str], dict[str, float]] = lambda _: RIGHT) -> list[History]:
    """Each choice with verdicts that are right so often, by the person."""

    def one(user: str, choice: Preference) -> Preference:
        right = rate(user).items()
        return replace(choice, judges={name: Random(f"{name}{choice.id}").random() < share for name, share in right})

    return [History(each.user, tuple(one(each.user, choice) for choice in each)) for each in people]


def weights_of(folder: Path, method: str) -> dict[str, dict[str, Any]]:
    """Of each person: what their judges were worth."""
    rows = map(json.loads, (folder / "tasks" / f"{method}.jsonl").read_text().splitlines())
    return {row["user"]: row["learned"]["weights"] for row in rows}


@pytest.fixture(scope="module")
def run_of_all(people: list[History], tmp_path_factory: pytest.TempPathFactory) -> tuple[BenchResult, Path]:
    """One run of every kind of member, and its folder."""
    folder = tmp_path_factory.mktemp("fused")
    single = [f"fused:{one}" for one in (GOOD, BAD, COIN, "random")]
    methods = ["traits", *single, "fused:longer+shorter", "fused"]
    return run(judged(people[:24]), methods, DESIGN, folder=folder), folder


def test_judges_earn_their_weight(run_of_all: tuple[BenchResult, Path]) -> None:
    found, folder = run_of_all
    loss = {row.name: row.log_loss or 0.0 for row in found.rows()}
    assert loss[f"fused:{GOOD}"] < loss["traits"] - 0.1
    assert loss[f"fused:{BAD}"] < loss["traits"] - 0.1  # it is counted for the other response
    assert loss["fused"] < loss[f"fused:{GOOD}"] + 0.01
    for weights in weights_of(folder, "fused").values():
        assert weights[GOOD]["weight"] > 0.5 > abs(weights[COIN]["weight"])
        assert weights[BAD]["weight"] < -0.5
        assert weights[GOOD]["labels"] >= 100


@pytest.mark.parametrize("useless", [COIN, "random", "longer+shorter"])
def test_useless_judges_cost_nothing(useless: str, run_of_all: tuple[BenchResult, Path]) -> None:
    loss = {row.name: row.log_loss or 0.0 for row in run_of_all[0].rows()}
    assert loss[f"fused:{useless}"] < loss["traits"] + 0.01


def test_below_a_hundred_labels_nothing_changes(people: list[History]) -> None:
    found = run(judged(people[:6]), ["traits", f"fused:{BAD}"], DESIGN)
    traits, fused = found.probabilities.values()
    assert np.abs(traits - fused).max() < 1e-9


def test_verdicts_on_the_tested_people_teach_nothing_about_them(
    people: list[History], run_of_all: tuple[BenchResult, Path], tmp_path: Path
) -> None:
    """The people of one fold get a judge that is always wrong: the weights with which they are predicted stay."""
    some = people[:24]
    fold = folds_by_person((one.user for one in some), 2, 0)
    turned = judged(some, lambda user: {"good": 0.0 if fold[user] == 0 else 0.85})
    run(turned, [f"fused:{GOOD}"], DESIGN, folder=tmp_path)
    file = quote(f"fused:{GOOD}", safe="")
    before, after = weights_of(run_of_all[1], file), weights_of(tmp_path, file)
    for user in before:
        if fold[user] == 0:
            assert before[user] == after[user]
        else:
            assert after[user][GOOD]["weight"] < 0 < before[user][GOOD]["weight"]


def test_choices_of_people_who_share_texts_are_predicted_without_either(people: list[History]) -> None:
    """Everybody answers the same conversations. A text whose label everybody else learned would be predicted better."""
    own = [one.only(replace(each, group=f"{one.user}{at}") for at, each in enumerate(one)) for one in people[:6]]
    same = [one.only(replace(each, group=f"{at}") for at, each in enumerate(one)) for one in people[:1]]
    copies = [History(f"copy{at}", tuple(replace(each, user=f"copy{at}") for each in same[0])) for at in range(6)]
    apart = [one.only(replace(each, group=f"{one.user}{at}") for at, each in enumerate(one)) for one in copies]
    model = TraitsModel.from_population(own)
    shared, unshared = (np.mean([one.logit for one in out_of_fold(some, model)]) for some in (copies, apart))
    assert len(out_of_fold(own, model)) == sum(len(one.decided) for one in own)
    assert out_of_fold(own[:1], model) == []
    assert shared < unshared - 0.1  # each copy could learn the very texts from the others


def test_members_are_joined_by_plus() -> None:
    assert members_of("fused:judge:command-r+v1+judge:gpt-4o+longer") == (
        "judge:command-r+v1",
        "judge:gpt-4o",
        "longer",
    )
    assert members_of("fused") == members_of("traits") == ()
    assert {"fused", "fused:MEMBER+MEMBER"} <= set(names())
    for name, fault in (("fused:gpo", "gpo"), ("fused:judge:", "judge:"), ("fused:longer+longer", "twice")):
        with pytest.raises(DataError, match=naming(fault)):
            members_of(name)


def test_a_judge_that_left_no_verdict_is_named(people: list[History]) -> None:
    with pytest.raises(DataError, match=naming("nobody", "good")):
        run(judged(people[:8]), [f"fused:{GOOD}+judge:nobody"], DESIGN)
