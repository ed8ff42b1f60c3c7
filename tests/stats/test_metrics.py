"""Metrics with known answers, some of them from scipy and scikit-learn's definitions."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalrm.stats.metrics import accuracy, brier, correctness, coverage, log_loss

NAN = float("nan")


def test_correctness_of_right_wrong_even_and_unscored() -> None:
    assert np.array_equal(correctness(np.array([0.9, 0.1, 0.5, NAN])), [1.0, 0.0, 0.5, NAN], equal_nan=True)


def test_unscored_pairs_lower_coverage_alone() -> None:
    p = np.array([0.9, 0.4, 0.5, NAN])
    assert accuracy(p) == pytest.approx(0.5)
    assert coverage(p) == 0.75
    assert accuracy(np.append(p, [NAN] * 9)) == accuracy(p)
    assert log_loss(np.append(p, NAN)) == log_loss(p)


def test_log_loss_and_brier_by_hand() -> None:
    p = np.array([0.8, 0.25])
    assert log_loss(p) == pytest.approx(-(log(0.8) + log(0.25)) / 2)
    assert brier(p) == pytest.approx((0.04 + 0.5625) / 2)
    assert log_loss(np.array([0.5, 0.5])) == pytest.approx(log(2))
    assert brier(np.array([0.5])) == 0.25


def test_log_loss_of_a_certain_mistake_is_bounded() -> None:
    assert log_loss(np.array([0.0])) == pytest.approx(20.7, abs=0.1)
    assert log_loss(np.array([1.0])) == pytest.approx(0.0, abs=1e-8)


def test_nothing_scored() -> None:
    for p in (np.array([NAN]), np.array([])):
        assert accuracy(p) is None
        assert log_loss(p) is None
        assert brier(p) is None
        assert coverage(p) == 0.0


@given(st.lists(st.floats(0.0, 1.0), min_size=1))
def test_accuracy_of_a_method_and_its_opposite_add_to_one(values: list[float]) -> None:
    p = np.round(np.array(values), 3)
    assert (accuracy(p) or 0.0) + (accuracy(1.0 - p) or 0.0) == pytest.approx(1.0)
