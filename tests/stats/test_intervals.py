"""Intervals and tests by person: against scipy, by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from growth import assert_growth
from scipy import stats

from personalrm.stats.intervals import by_person, holm, interval, paired, standard_error

NAN = float("nan")


def _clustered(rng: np.random.Generator, people: int, pairs: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong, where each person has a chance of their own around 0.65."""
    chance = rng.beta(0.65 * 6 / spread, 0.35 * 6 / spread, size=people)
    who = np.repeat(np.arange(people), pairs)
    return (rng.random(len(who)) < chance[who]).astype(float), who


def test_interval_is_the_studentised_bootstrap_of_scipys_draws() -> None:
    """Where everyone has as many pairs the mean of people is resampled; t by hand from scipy's resamples."""
    values, people = _clustered(np.random.default_rng(0), 60, 8)
    own = values.reshape(60, 8).mean(axis=1)

    def studentised(sample: np.ndarray, axis: int = -1) -> np.ndarray:
        return (sample.mean(axis=axis) - own.mean()) / stats.sem(sample, axis=axis)

    drawn = stats.bootstrap((own,), studentised, n_resamples=20_000, random_state=1, method="percentile")
    below, above = np.quantile(drawn.bootstrap_distribution, [0.025, 0.975])
    expected = own.mean() - above * stats.sem(own), own.mean() - below * stats.sem(own)
    assert interval(values, people, draws=20_000) == pytest.approx(expected, abs=0.002)


def test_standard_error_agrees_with_statsmodels() -> None:
    import statsmodels.api as sm  # two seconds, for this test alone

    rng = np.random.default_rng(1)
    values, people = rng.random(200), rng.integers(0, 25, 200)
    fitted = sm.OLS(values, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": people, "use_correction": False})
    assert standard_error(*by_person(values, people)) == pytest.approx(float(fitted.bse[0]) * np.sqrt(25 / 24))


@pytest.mark.slow
def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    """To one point in benchmarks/statistics_simulation.py, with many more samples."""
    rng = np.random.default_rng(7)
    for count in (20, 80):
        held = 0
        for number in range(800):
            bounds = interval(*_clustered(rng, count, 5), seed=number, draws=600)
            assert bounds is not None
            held += bounds[0] <= 0.65 <= bounds[1]
        assert 0.93 <= held / 800 <= 0.97


def test_one_mistake_among_many_does_not_stretch_the_interval_over_everything() -> None:
    values = np.ones(100)
    values[17] = 0.0
    low, high = interval(values, np.repeat(np.arange(20), 5)) or (0.0, 0.0)
    assert 0.9 < low < 0.99 < high <= 1.0


def test_ignoring_people_would_be_too_sure() -> None:
    values, people = _clustered(np.random.default_rng(2), 40, 50, spread=3.0)
    by_person = interval(values, people) or (0.0, 0.0)
    by_pair = interval(values, np.arange(len(values))) or (0.0, 0.0)
    assert by_person[1] - by_person[0] > 2 * (by_pair[1] - by_pair[0])


def test_unscored_pairs_and_people_without_any_are_left_out() -> None:
    values, people = _clustered(np.random.default_rng(3), 30, 4)
    padded = np.append(values, [NAN] * 5)
    assert interval(padded, np.append(people, [0, 1, 77, 77, 99])) == interval(values, people)


def test_many_people_use_the_normal_interval() -> None:
    values, people = _clustered(np.random.default_rng(4), 2001, 4)
    fewer = people < 1999
    many, some = interval(values, people) or (0.0, 0.0), interval(values[fewer], people[fewer]) or (0.0, 0.0)
    assert many == pytest.approx(some, abs=0.002)


def test_no_interval_below_five_people_and_no_false_certainty() -> None:
    assert interval(np.ones(40), np.repeat(np.arange(4), 10)) is None
    low, high = interval(np.ones(40), np.repeat(np.arange(10), 4)) or (0.0, 0.0)
    assert (low, high) == (pytest.approx(stats.beta.ppf(0.025, 10, 1)), 1.0)
    low, high = interval(np.zeros(40), np.repeat(np.arange(10), 4)) or (0.0, 0.0)
    assert (low, high) == (0.0, pytest.approx(stats.beta.ppf(0.975, 1, 10)))


def test_no_interval_by_person_where_one_person_has_most_of_the_weight() -> None:
    """Fault: the interval was a point if one of ten people had nearly all of the weight."""
    values, people = np.random.default_rng(11).random(20), np.repeat(np.arange(10), 2)
    heavy = np.where(people == 0, 1e9, 1.0)
    assert interval(values, people, weight=heavy) is None
    assert interval(values, people, weight=np.where(people == 0, 6.1, 1.0)) is None
    assert interval(values, people, weight=np.where(people == 0, 5.9, 1.0)) is not None
    assert interval(np.repeat([1.0, 0.0], [90, 10]), np.repeat(np.arange(11), [90, *[1] * 10])) is None


def test_people_with_equal_means_do_not_make_the_interval_a_point() -> None:
    """Fault: five people who are each right in one of two pairs gave the interval [0.5, 0.5]."""
    low, high = interval(np.tile([1.0, 0.0], 6), np.repeat(np.arange(6), 2)) or (0.0, 0.0)
    assert (low, high) == pytest.approx((stats.beta.ppf(0.025, 3, 4), stats.beta.ppf(0.975, 4, 3)))
    low, high = interval(np.full(12, 0.7), np.repeat(np.arange(6), 2)) or (0.0, 0.0)  # equal apart from rounding
    assert low < 0.4 < 0.9 < high


def test_interval_is_repeatable_and_depends_on_the_seed() -> None:
    values, people = np.random.default_rng(5).random(90), np.repeat(np.arange(30), 3)
    assert interval(values, people, seed=1) == interval(values, people, seed=1) != interval(values, people, seed=2)


def test_paired_test_is_exact_for_few_people() -> None:
    rng = np.random.default_rng(6)
    ours, theirs, people = rng.random(24), rng.random(24), np.repeat(np.arange(8), 3)
    sums = (ours - theirs).reshape(8, 3).sum(axis=1)
    expected = stats.permutation_test(
        (sums, np.zeros(8)), lambda x, y: np.sum(x - y), permutation_type="samples", n_resamples=np.inf
    )
    effect = paired(ours, theirs, people)
    assert effect is not None
    assert effect.p == pytest.approx(expected.pvalue)
    assert effect.difference == pytest.approx(sums.sum() / 24)


def test_paired_test_by_draws_comes_near_the_t_test() -> None:
    rng = np.random.default_rng(8)
    people = np.repeat(np.arange(200), 5)
    theirs = rng.random(1000)
    ours = theirs + rng.normal(0.03, 0.4, size=1000)
    effect = paired(ours, theirs, people)
    assert effect is not None
    expected = stats.ttest_1samp((ours - theirs).reshape(200, 5).sum(axis=1), 0.0)
    assert effect.p == pytest.approx(expected.pvalue, abs=0.01)
    assert effect.low is not None
    assert effect.high is not None
    assert effect.low < effect.difference < effect.high


def test_paired_counts_only_what_both_scored() -> None:
    ours = np.array([1.0, NAN, 0.0, 1.0])
    theirs = np.array([0.0, 1.0, NAN, 1.0])
    effect = paired(ours, theirs, np.array([0, 0, 1, 2]))
    assert effect is not None
    assert (effect.pairs, effect.people, effect.difference) == (2, 2, 0.5)
    assert effect.low is None
    assert paired(np.array([NAN]), np.array([1.0]), np.array([0])) is None


def test_equal_methods_do_not_differ() -> None:
    values, people = _clustered(np.random.default_rng(9), 50, 4)
    effect = paired(values, values, people)
    assert effect is not None
    assert (effect.difference, effect.p) == (0.0, 1.0)


def test_false_alarms_are_as_rare_as_they_should_be() -> None:
    rng = np.random.default_rng(10)
    alarms = 0
    for number in range(800):
        ours, people = _clustered(rng, 40, 4)
        theirs, _ = _clustered(rng, 40, 4)
        effect = paired(ours, theirs, people, seed=number, draws=200)
        alarms += effect is not None and effect.p <= 0.05
    assert 0.027 <= alarms / 800 <= 0.073  # 0.05 ± three standard errors of 800 trials


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_ten_thousand_draws_over_many_choices_are_quick() -> None:
    """Hardly slower than over a few, because only sums by person enter."""
    few, many = (_clustered(np.random.default_rng(11), 200, pairs) for pairs in (1, 100))
    assert_growth(lambda given: interval(*given), few, many, 10)
