"""Risk–coverage curves, and thresholds that keep the risk they promise on people not used."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from personalrm.stats.selective import LEVEL, risk_coverage, selective_risk, sure_threshold


def test_the_curve_and_its_area_by_hand() -> None:
    curve = risk_coverage(np.array([0.9, 0.2, 0.6, np.nan]))  # sure .9 right, .8 wrong, .6 right
    assert curve is not None
    assert curve.coverage.tolist() == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert curve.risk.tolist() == pytest.approx([0.0, 1 / 2, 1 / 3])
    assert curve.area == pytest.approx((0.0 + 1 / 2 + 1 / 3) / 3)
    assert curve.at(0.5) == pytest.approx(1 / 2)
    assert curve.at(1.0) == pytest.approx(1 / 3)


def test_equally_sure_pairs_share_their_error_whatever_their_order() -> None:
    one, other = (risk_coverage(np.array(given)) for given in ([0.7, 0.3, 0.7, 0.3], [0.3, 0.3, 0.7, 0.7]))
    assert one is not None
    assert other is not None
    assert one.risk.tolist() == other.risk.tolist() == [0.5] * 4
    assert risk_coverage(np.array([np.nan])) is None
    even = risk_coverage(np.array([0.5, 0.5]))
    assert even is not None
    assert even.area == 0.5


def people_with(rng: np.random.Generator, people: int, pairs: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Simulated predictions, overconfident and for some people far worse: p of the preferred, (pairs,), and whose."""
    person = np.repeat(np.arange(people), pairs)
    told = np.clip(0.5 + 0.5 * rng.beta(1.2, 2.0, len(person)), 0.5, 0.999)
    skill = np.where(rng.random(people) < 0.1, 0.4, 0.95)[person]
    right = rng.random(len(person)) < 0.5 + skill * (told - 0.5)
    return np.where(right, told, 1.0 - told), person


def test_a_threshold_keeps_its_risk_on_people_not_used_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    others, whose = people_with(rng, 20_000)
    true_risk = cache(lambda threshold: selective_risk(others, whose, threshold)[1])
    broken = found = 0
    for draw in range(150):
        sure = sure_threshold(*people_with(rng, 150), 0.3, seed=draw)
        if sure is not None:
            found += 1
            risk = true_risk(sure.threshold)
            broken += risk is not None and risk > 0.3
    assert found > 75  # it is no empty promise
    assert broken <= 150 * (1.0 - LEVEL)


def test_a_coin_is_promised_nothing_and_neither_are_few_people() -> None:
    rng = np.random.default_rng(6)
    person = np.repeat(np.arange(200), 10)
    told = rng.uniform(0.5, 1.0, 2000)
    coin = np.where(rng.random(2000) < 0.5, told, 1.0 - told)
    assert sure_threshold(coin, person, 0.2) is None
    assert sure_threshold(np.full(10, 0.9), np.arange(10) // 5, 0.2) is None
    assert sure_threshold(np.full(3, np.nan), np.arange(3), 0.2) is None


def test_a_lower_risk_answers_less_and_more_people_more() -> None:
    rng = np.random.default_rng(7)
    given, person = people_with(rng, 600)
    strict, loose = sure_threshold(given, person, 0.25), sure_threshold(given, person, 0.35)
    assert strict is not None
    assert loose is not None
    assert strict.threshold > loose.threshold
    assert strict.coverage < loose.coverage
    assert strict.observed < 0.25
    few = sure_threshold(given[person < 100], person[person < 100], 0.25)
    assert few is None or few.threshold >= strict.threshold


def test_it_is_the_person_that_counts_and_not_the_pair() -> None:
    """One person of a thousand wrong pairs is one person."""
    rng = np.random.default_rng(8)
    given, person = people_with(rng, 300)
    wrong = np.full(1000, 0.01)
    alone, with_one = (
        sure_threshold(np.concatenate([given, wrong[:n]]), np.concatenate([person, np.full(n, 300)]), 0.3)
        for n in (1, 1000)
    )
    assert alone is not None
    assert with_one == alone
