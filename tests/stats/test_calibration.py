"""Calibration: a true judge lies on the diagonal, a boaster does not; the error and its interval by hand."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.stats.calibration import calibration


def _true_judge(rng: np.random.Generator, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    given = rng.uniform(0.05, 0.95, pairs)
    return given, (rng.random(pairs) < given).astype(float)


def test_a_judge_that_means_what_it_says_lies_on_the_diagonal_and_a_boaster_does_not() -> None:
    given, came_true = _true_judge(np.random.default_rng(1), 4000)
    people = np.arange(4000) % 100
    true = calibration(given, came_true, people)
    boaster = calibration(np.where(given > 0.5, 0.98, 0.02), came_true, people)
    assert true is not None
    assert boaster is not None
    assert [one.pairs for one in true.curve] == [400] * 10
    assert all(abs(one.predicted - one.observed) < 0.08 for one in true.curve)
    assert sum(one.low <= one.predicted <= one.high for one in true.curve) >= 8
    assert true.error < 0.05 < 0.15 < boaster.error
    assert true.by_chance[0] < true.error < true.by_chance[1]
    assert boaster.error > boaster.by_chance[1]


def test_the_error_by_hand() -> None:
    given = np.repeat([0.2, 0.6], 20)
    came_true = np.concatenate([np.repeat([1.0, 0.0], [8, 12]), np.repeat([1.0, 0.0], [15, 5])])
    found = calibration(given, came_true, np.arange(40))
    assert found is not None
    assert [(one.predicted, one.observed, one.pairs) for one in found.curve] == [
        (pytest.approx(0.2), pytest.approx(0.4), 20),
        (pytest.approx(0.6), pytest.approx(0.75), 20),
    ]
    assert found.error == pytest.approx((0.2 + 0.15) / 2)


@pytest.mark.slow
def test_a_perfect_judge_lies_above_chance_in_one_of_forty_samples() -> None:
    above = 0
    for seed in range(100):
        found = calibration(*_true_judge(np.random.default_rng(seed), 300), np.arange(300), seed)
        assert found is not None
        above += found.error > found.by_chance[1]
    assert above <= 8  # 2.5 expected


def test_few_pairs_make_fewer_bins_and_too_few_none() -> None:
    given, came_true = _true_judge(np.random.default_rng(2), 65)
    found = calibration(given, came_true, np.arange(65))
    assert found is not None
    assert [one.pairs for one in found.curve] == [22, 22, 21]
    assert calibration(given[:39], came_true[:39], np.arange(39)) is None
