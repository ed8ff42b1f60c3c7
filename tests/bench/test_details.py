"""What the record says of each line beyond its row: known answers, and agreement with what others compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalrm.bench.answers import Answers, MethodResult
from personalrm.bench.details import details_of
from personalrm.bench.entries import ResultKey
from personalrm.bench.plan import Design, PlannedPair
from personalrm.bench.results import BenchResult


def result(probabilities: dict[str, list[float]], people: list[int], **asked: list[object]) -> BenchResult:
    """Lines that gave these probabilities to ``a``; "a" is preferred in every pair unless said otherwise."""
    count = len(people)
    columns = {name: asked.get(name, [value] * count) for name, value in
               {"preferred": "a", "domain": None, "lengths": (100, 200), "history": 5}.items()}  # fmt: skip
    pairs = tuple(
        PlannedPair(f"p{who}", f"c{at}", f"g{at}", 0, columns["history"][at], columns["preferred"][at],
              columns["domain"][at], columns["lengths"][at])
        for at, who in enumerate(people)
    )  # fmt: skip
    methods = tuple(
        MethodResult(ResultKey(name, name, 3 if name == "limited" else None), True,
                     Answers(np.array(given, dtype=float), np.full((count, 2), np.nan)))
        for name, given in probabilities.items()
    )  # fmt: skip
    return BenchResult(Design(), 1, "", pairs, methods)


def test_over_people_is_the_mean_of_each_persons_own_accuracy() -> None:
    found = result({"m": [0.9, 0.9, 0.9, 0.1, 0.9, np.nan]}, [0, 0, 0, 0, 1, 2])
    over = details_of(found)["m"]["over_people"]
    assert over == {"value": pytest.approx((0.75 + 1.0) / 2), "low": None, "high": None}
    assert details_of(result({"m": [np.nan]}, [0]))["m"]["over_people"] is None


def test_over_people_has_an_interval_that_holds_it() -> None:
    rng = np.random.default_rng(0)
    found = result({"m": rng.uniform(0.2, 0.9, 200).tolist()}, rng.integers(0, 20, 200).tolist())
    over = details_of(found)["m"]["over_people"]
    assert over["low"] < over["value"] < over["high"]


def test_domains_and_equal_lengths_are_slices_of_what_was_scored() -> None:
    found = result(
        {"m": [0.9, 0.1, 0.9, np.nan, 0.9]}, [0, 1, 2, 3, 4],
        domain=["x", "x", "y", "y", None], lengths=[(100, 110), (90, 100), (100, 90), (100, 100), (100, 89)],
    )  # fmt: skip
    more = details_of(found)["m"]
    assert [(one["domain"], one["accuracy"], one["pairs"], one["people"]) for one in more["domains"]] == [
        ("x", 0.5, 2, 2),
        ("y", 1.0, 1, 1),
    ]
    matched = more["length_matched"]
    assert (matched["accuracy"], matched["pairs"]) == (pytest.approx(2 / 3), 3)


def test_history_is_what_was_really_there_up_to_the_limit() -> None:
    more = details_of(result({"m": [0.9, 0.9], "limited": [0.9, 0.9]}, [0, 1], history=[2, 10]))
    assert (more["m"]["history"], more["limited · 3 choices"]["history"]) == (6.0, 2.5)


def test_calibration_is_of_the_response_shown_as_a_and_leaves_unscored_pairs_out() -> None:
    more = details_of(result({"m": [0.5] * 40 + [np.nan] * 40}, list(range(80))))["m"]
    assert sum(one["pairs"] for one in more["calibration"]) == 40
    assert more["ece"]["by_chance"][0] < more["ece"]["by_chance"][1]
    few = details_of(result({"m": [0.5] * 39}, list(range(39))))["m"]
    assert (few["calibration"], few["ece"]) == ([], None)


def test_the_surest_pairs_and_the_promised_risk_are_told_of_probabilities_alone() -> None:
    rng = np.random.default_rng(1)
    told = rng.uniform(0.5, 1.0, 6000)
    given = np.where(rng.random(6000) < told, told, 1.0 - told)  # a's probability, true as told
    run = result({"m": given.tolist(), "none": [np.nan] * 6000}, np.repeat(np.arange(300), 20).tolist())
    more = details_of(run)
    assert more["none"]["selective"] is None
    found = more["m"]["selective"]
    risks = [one["risk"] for one in found["curve"]]
    assert [one["coverage"] for one in found["curve"]][-1] == 1.0
    assert risks[-1] == pytest.approx(0.25, abs=0.02)
    assert risks[9] == pytest.approx(0.125, abs=0.02)  # of the surest half
    assert found["area"] == pytest.approx(0.125, abs=0.02)
    [_, promised, _] = found["promised"]
    assert promised["risk"] == 0.2
    assert promised["observed"] <= 0.2
    assert promised["coverage"] > 0.4


def test_accuracy_by_how_common_a_taste_is_uses_one_order_of_people_for_all_lines() -> None:
    people = np.repeat(np.arange(50), 2)
    run = result({"m": [0.9] * 50 + [0.1] * 50, "other": [0.9] * 100}, people.tolist())
    assert details_of(run)["m"]["tastes"] == []
    line = run.methods[0]
    measured = replace(line, answers=replace(line.answers, taste=people.astype(float)))
    more = details_of(replace(run, methods=(measured, run.methods[1])))
    assert [(one["decile"], one["accuracy"], one["people"]) for one in more["m"]["tastes"]] == [
        (decile, float(decile <= 5), 5) for decile in range(1, 11)
    ]
    assert [one["accuracy"] for one in more["other"]["tastes"]] == [1.0] * 10
