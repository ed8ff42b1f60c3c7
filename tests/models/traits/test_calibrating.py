"""Confidence thresholds of a population with rankings: every pair of a ranking is predicted, and counts its share."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from personalrm.models.traits import learning
from personalrm.models.traits.calibrating import WeightedPairs, thresholds
from personalrm.models.traits.features import Array
from personalrm.models.traits.fit import integrated, sigmoid
from personalrm.models.traits.gain import Case
from personalrm.models.traits.posterior import Person, leave_out_all
from personalrm.preferences import History, Preference

COVARIANCE = 0.01 * np.eye(2)


def test_pairs_of_weight_one_are_predicted_as_choices_between_two() -> None:
    rng = np.random.default_rng(0)
    offset, t, parts = rng.normal(size=9), rng.normal(size=(9, 2)), [np.arange(at, at + 3) for at in (0, 3, 6)]
    [expected] = leave_out_all([Person(offset, t, parts)], np.eye(2))
    found = WeightedPairs(offset, t, np.ones(9), parts).held_out(np.eye(2))
    np.testing.assert_allclose(found, sigmoid(integrated(*expected)), atol=1e-6)
    twice = np.repeat(np.arange(9), 2)
    halves = [np.flatnonzero(np.isin(twice, part)) for part in parts]
    again = WeightedPairs(offset[twice], t[twice], np.full(18, 0.5), halves).held_out(np.eye(2))
    np.testing.assert_allclose(again[::2], found, atol=1e-6)


def test_no_risk_is_promised_because_the_widest_pairs_are_easy() -> None:
    """Fault: of each ranking only the best against the worst was predicted, here always rightly; of the three pairs
    that are compared in use, four in nine are predicted wrongly."""
    easy, rng = [], np.random.default_rng(1)
    every = []
    for _ in range(150):
        t, parts = 0.1 * rng.normal(size=(6, 2)), [np.arange(3), np.arange(3, 6)]
        offset = np.where(np.arange(6) % 3 == 0, 2.0, np.where(rng.random(6) < 2 / 3, -2.0, 2.0))
        every.append(WeightedPairs(offset, t, np.full(6, 1 / 3), parts))
        easy.append(Person(offset[::3], t[::3], [np.array([0]), np.array([1])]))
    assert thresholds(easy, [COVARIANCE] * 3)[0].risk <= 0.1
    assert all(one.risk >= 0.4 for one in thresholds(easy, [COVARIANCE] * 3, every))


def test_gains_of_other_people_count_a_ranking_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def spied(people: list[Person], covariances: list[Array], rng: np.random.Generator) -> list[Case]:
        seen.extend((len(one.offset), len(one.groups)) for one in people)
        return []

    monkeypatch.setattr(learning, "cases_of", spied)
    words = ("Yes.", "Yes, of course.", "Yes, of course, always.", "Yes, of course, always and ever.")
    people = []
    for user in range(6):
        pairs = [
            Preference(user=f"u{user}", context=f"Ask {at}", chosen=f"{a} {at}", rejected=f"{b} {at}", ranking=f"{at}")
            for at in range(5)
            for a, b in combinations(words[user % 2 :], 2)
        ]
        people.append(History(f"u{user}", tuple(pairs)))
    prior = learning.learn(people)
    assert seen == [(5, 5)] * 6
    assert np.isfinite(prior.covariance).all()
