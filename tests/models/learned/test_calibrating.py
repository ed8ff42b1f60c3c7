"""Calibration scales: recovered where known, near zero where the personal part is noise."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.models.learned.calibrating import Calibrator, fit_calibrator
from personalrm.models.traits.fit import sigmoid


def chosen(
    count: int, everybody: float, person: float, seed: int = 0, doubt: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Margins of choices that are made by both parts times these factors; where doubted, with what nobody knows."""
    draw = np.random.default_rng(seed)
    shared, own = draw.normal(0, 1.0, count), draw.normal(0, 1.0, count)
    unknown = draw.normal(0, np.sqrt(doubt), count)
    sign = np.where(draw.random(count) < sigmoid(everybody * shared + person * (own + unknown)), 1.0, -1.0)
    return sign * shared, sign * own, np.full(count, doubt)


@pytest.mark.parametrize(
    ("everybody", "person"),
    [(0.5, 1.5), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((1.0, 1.0), (1.8, 0.4)))],
)
def test_the_scales_are_recovered(everybody: float, person: float) -> None:
    trust = fit_calibrator(*chosen(6_000, everybody, person))
    assert trust.population == pytest.approx(everybody, abs=0.12)
    assert trust.person == pytest.approx(person, abs=0.12)


@pytest.mark.slow
def test_the_scales_are_recovered_with_posterior_variance() -> None:
    trust = fit_calibrator(*chosen(20_000, 1.0, 1.2, doubt=1.0))
    assert trust.population == pytest.approx(1.0, abs=0.15)
    assert trust.person == pytest.approx(1.2, abs=0.2)


@pytest.mark.slow
def test_a_noisy_personal_part_gets_a_small_scale() -> None:
    shared, _, variance = chosen(20_000, 1.0, 0.0)
    noise = np.random.default_rng(5).normal(size=20_000)
    assert fit_calibrator(shared, noise, variance).person <= 0.1


def test_a_misleading_personal_part_gets_scale_zero() -> None:
    shared, own, variance = chosen(5_000, 1.0, 1.0)
    assert fit_calibrator(shared, -own, variance).person == 0.0


def test_few_choices_move_the_scales_little() -> None:
    trust = fit_calibrator(*chosen(5, 1.0, 1.0))
    assert abs(trust.population - 1.0) < 0.2
    assert abs(trust.person - 1.0) < 0.2


def test_scale_zero_predicts_with_the_population_part() -> None:
    shared, own, variance = chosen(10, 1.0, 1.0)
    assert np.array_equal(Calibrator(0.7, 0.0).margins(shared, own, variance + 4.0), 0.7 * shared)


def test_the_scales_are_rounded() -> None:
    """They stand in a file that people read."""
    trust = fit_calibrator(*chosen(500, 1.3, 0.6))
    assert len(str(trust.population)) <= 4
    assert len(str(trust.person)) <= 4
