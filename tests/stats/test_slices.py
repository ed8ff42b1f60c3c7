"""Slices of the pairs, by hand."""

from __future__ import annotations

import numpy as np

from personalrm.stats.slices import by_domain, by_rarity, equally_long, own_accuracies


def test_equal_length_is_within_a_tenth_of_the_longer_response() -> None:
    assert equally_long([(100, 110), (90, 100), (89, 100), (0, 0), (0, 1)]).tolist() == [True, True, False, True, False]
    assert equally_long([]).tolist() == []


def test_each_domain_has_its_pairs_and_unnamed_ones_belong_to_none() -> None:
    found = {name: mask.tolist() for name, mask in by_domain(["y", "x", None, "y"])}
    assert found == {"x": [False, True, False, False], "y": [True, False, False, True]}
    assert list(found) == ["x", "y"]


def test_everybody_counts_once_over_people() -> None:
    correct = np.array([1.0, 0.0, 1.0, np.nan, np.nan])
    assert own_accuracies(correct, np.array([0, 0, 1, 1, 2])).tolist() == [0.5, 1.0]


def test_tenths_of_the_people_by_how_rare_their_taste_is() -> None:
    people = np.repeat(np.arange(60), 3)
    distance = np.repeat(np.arange(60)[::-1] / 10.0, 3) + np.tile([-0.5, 0.0, 0.5], 60)  # person 59 is the most usual
    found = dict(by_rarity(distance, people))
    assert list(found) == list(range(1, 11))
    assert set(people[found[1]]) == {54, 55, 56, 57, 58, 59}
    assert set(people[found[10]]) == {0, 1, 2, 3, 4, 5}
    assert sum(one.astype(int) for one in found.values()).tolist() == [1] * 180  # everybody once
    assert not dict(by_rarity(distance[:120], people[:120]))  # forty people
    unknown = np.where(people == 59, np.nan, distance)
    assert 59 not in {who for one in dict(by_rarity(unknown, people)).values() for who in people[one]}
