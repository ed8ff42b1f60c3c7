"""What could be detected: the standard error against statsmodels, the power by simulation."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from personalrm.stats.intervals import paired
from personalrm.stats.power import detectable, detectable_effect, participants_needed


def test_it_comes_from_the_error_clustered_by_person() -> None:
    rng = np.random.default_rng(2)
    people = np.sort(rng.integers(0, 30, 300))
    apart = (rng.random(300) > 0.5).astype(float) - (rng.random(300) > 0.5)
    fitted = sm.OLS(apart, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": people, "use_correction": False})
    persons = len(np.unique(people))
    reach = stats.t.ppf(0.975, persons - 1) + stats.t.ppf(0.8, persons - 1)
    wanted = reach * float(fitted.bse[0]) * np.sqrt(persons / (persons - 1))
    assert detectable(apart, people) == pytest.approx(wanted, rel=1e-3)


def test_four_of_five_samples_with_such_a_difference_are_found_significant() -> None:
    rng, people = np.random.default_rng(3), np.repeat(np.arange(40), 8)

    def sample(gain: float) -> tuple[np.ndarray, np.ndarray]:
        chance = np.repeat(rng.uniform(0.4, 0.8, 40), 8)
        return (rng.random(320) < chance + gain).astype(float), (rng.random(320) < chance).astype(float)

    typical = float(np.mean([detectable(np.subtract(*sample(0.09)), people) or 0.0 for _ in range(200)]))
    found = 0
    for seed in range(300):
        effect = paired(*sample(typical), people, seed, draws=500)
        found += effect is not None and effect.p <= 0.05
    assert 0.73 <= found / 300 <= 0.87


def test_nothing_can_be_said_of_few_people_or_of_methods_that_never_differ() -> None:
    assert detectable(np.ones(4), np.arange(4)) is None
    assert detectable(np.zeros(9), np.arange(9)) is None
    assert detectable(np.array([np.nan] * 9), np.arange(9)) is None


def test_nothing_can_be_said_where_one_person_has_most_of_the_pairs() -> None:
    """Fault: the standard error by person is then close to zero, and so was the detectable difference."""
    apart = np.random.default_rng(4).normal(size=100)
    assert detectable(apart, np.repeat(np.arange(11), [90, *[1] * 10])) is None


@pytest.mark.parametrize(("effect", "comparisons"), [(3.0, 1), (0.5, 1), (0.1, 1), (0.05, 200)])
def test_the_people_needed_are_the_fewest_that_detect_the_effect(effect: float, comparisons: int) -> None:
    people = participants_needed(effect, comparisons)
    assert (detectable_effect(people, comparisons) or 9.0) <= effect
    assert people == 5 or (detectable_effect(people - 1, comparisons) or 9.0) > effect
