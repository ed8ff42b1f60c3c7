"""Slices of the pairs, by hand."""

from __future__ import annotations

import numpy as np

from personalrm.stats.slices import by_domain, equally_long, own_accuracies


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
