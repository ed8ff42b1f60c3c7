"""What the record says of each line beyond its row: known answers, and agreement with what others compute."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from personalrm.bench.answers import Answers, MethodResult
from personalrm.bench.details import calibration, details_of, detectable
from personalrm.bench.entries import Entry
from personalrm.bench.plan import Asked, Design
from personalrm.bench.results import BenchResult


def result(probabilities: dict[str, list[float]], people: list[int], **asked: list[object]) -> BenchResult:
    """Lines that gave these probabilities to ``a``; "a" is preferred in every pair unless said otherwise."""
    count = len(people)
    columns = {name: asked.get(name, [value] * count) for name, value in
               {"preferred": "a", "domain": None, "lengths": (100, 200), "history": 5}.items()}  # fmt: skip
    pairs = tuple(
        Asked(f"p{who}", f"c{at}", f"g{at}", 0, columns["history"][at], columns["preferred"][at],
              columns["domain"][at], columns["lengths"][at])
        for at, who in enumerate(people)
    )  # fmt: skip
    methods = tuple(
        MethodResult(Entry(name, name, 3 if name == "limited" else None), True,
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


def test_a_judge_that_means_what_it_says_lies_on_the_diagonal_and_a_boaster_does_not() -> None:
    rng = np.random.default_rng(1)
    given = rng.uniform(0.05, 0.95, 4000)
    preferred = np.where(rng.random(4000) < given, "a", "b").tolist()
    sure = np.where(given > 0.5, 0.98, 0.02).tolist()
    found = result({"true": given.tolist(), "boaster": sure}, (np.arange(4000) % 100).tolist(), preferred=preferred)
    curve, error = calibration(found, "true")
    assert [one["pairs"] for one in curve] == [400] * 10
    assert all(abs(one["predicted"] - one["observed"]) < 0.08 for one in curve)
    assert sum(one["low"] <= one["predicted"] <= one["high"] for one in curve) >= 8
    _, boasted = calibration(found, "boaster")
    assert error
    assert boasted
    assert error["value"] < 0.05 < 0.15 < boasted["value"]


def test_calibration_needs_pairs_and_leaves_unscored_ones_out() -> None:
    assert calibration(result({"m": [0.5] * 39}, list(range(39))), "m") == ([], None)
    curve, _ = calibration(result({"m": [0.5] * 40 + [np.nan] * 40}, list(range(80))), "m")
    assert sum(one["pairs"] for one in curve) == 40


def test_what_could_be_detected_comes_from_the_error_clustered_by_person() -> None:
    rng = np.random.default_rng(2)
    people = np.sort(rng.integers(0, 30, 300))
    one, other = rng.random(300), rng.random(300)
    found = result({"one": one.tolist(), "other": other.tolist()}, people.tolist())
    difference = (one > 0.5).astype(float) - (other > 0.5)
    fitted = sm.OLS(difference, np.ones(300)).fit(
        cov_type="cluster", cov_kwds={"groups": people, "use_correction": False}
    )
    persons = len(np.unique(people))
    wanted = (1.959964 + 0.841621) * float(fitted.bse[0]) * np.sqrt(persons / (persons - 1))
    assert detectable(found, "one", "other") == pytest.approx(wanted, rel=1e-6)


def test_nothing_can_be_said_of_few_people_or_of_lines_that_never_differ() -> None:
    assert detectable(result({"a": [0.9] * 4, "b": [0.1] * 4}, [0, 1, 2, 3]), "a", "b") is None
    assert detectable(result({"a": [0.9] * 9, "b": [0.9] * 9}, list(range(9))), "a", "b") is None
