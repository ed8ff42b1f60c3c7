"""The expected gain of own weights: what other people gained, moved by the user's own measured gain."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from personalrm.data.simulated import simulate_people
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.gain import BASE, PUBLIC, At, Case, GainPrior
from personalrm.models.traits.learning import covariances_without
from personalrm.models.traits.person import FEWEST_GROUPS, TOLERANCE, Measured, arm_selection, helps, measure
from personalrm.models.traits.posterior import Person


def cases(groups: int, people: int, slope: float, seed: int = 0) -> list[Case]:
    """Later gains of mean 0.01 and deviation 0.02 that follow the measured ones with this slope."""
    draw = np.random.default_rng(seed)
    measured = draw.normal(0.01, 0.05, people)
    later = 0.01 + slope * (measured - 0.01) + draw.normal(0.0, 0.02, people)
    return [Case(groups, float(one), float(other)) for one, other in zip(measured, later, strict=True)]


def test_without_any_relation_the_measured_gain_moves_nothing() -> None:
    prior = GainPrior.learned(cases(5, 400, 0.0))
    assert prior is not None
    low, high = prior.expected(-0.1, 5), prior.expected(0.1, 5)
    assert low.share == pytest.approx(high.share, abs=0.12)
    assert low.mean == pytest.approx(0.009, abs=0.004)
    assert high.mean == pytest.approx(0.009, abs=0.004)


def test_a_real_relation_is_found_and_drawn_towards_none() -> None:
    prior = GainPrior.learned(cases(8, 400, 0.4))
    assert prior is not None
    [at] = prior.at
    assert 0.15 < at.slope < 0.4
    assert prior.expected(0.1, 8).share > 0.6 > prior.expected(-0.1, 8).share
    assert prior.expected(None, 8).share == at.share


def test_stated_shares_come_true_for_people_not_learned_from() -> None:
    prior = GainPrior.learned(cases(8, 4000, 0.1, seed=1))
    assert prior is not None
    told = [(prior.expected(one.measured, 8).share, one.later > 0) for one in cases(8, 4000, 0.1, seed=2)]
    for low, high in ((0.3, 0.65), (0.65, 0.75), (0.75, 1.0)):
        some = [(share, true) for share, true in told if low <= share < high]
        assert len(some) > 100
        stated, came_true = (sum(one[at] for one in some) / len(some) for at in (0, 1))
        assert stated == pytest.approx(came_true, abs=0.07)


def test_between_measured_numbers_of_groups_it_is_interpolated_and_beyond_them_the_own_gain_counts_more() -> None:
    prior = GainPrior((At(2, 50, 0.5, 0.0, 0.0, 0.05, 0.0, 0.0), At(8, 50, 0.6, 0.01, 0.0, 0.05, 0.2, 0.05)))
    assert prior.expected(None, 4).share == pytest.approx(0.55)
    assert prior.expected(None, 1) == prior.expected(None, 2)
    assert prior.expected(0.05, 8).mean == pytest.approx(0.01 + 0.2 * 0.05)
    assert prior.expected(0.05, 80).mean == pytest.approx(0.01 + 2.0 / 2.8 * 0.05)


@pytest.mark.parametrize("groups", [1, 2, 4, 8, 40])
def test_the_least_that_is_expected_is_below_what_any_measured_gain_gives(groups: int) -> None:
    prior = GainPrior((At(2, 0, 0.5, 0.01, 0.0, 0.05, 0.3, 0.01), At(8, 0, 0.5, -0.01, 0.02, 0.1, 0.6, 0.01)))
    given = [None, -5.0, -0.3, 0.0, 0.02, 0.5, 5.0]
    assert prior.least(groups) <= min(prior.expected(one, groups).mean for one in given)
    assert prior.least(groups) == prior.expected(-5.0, groups).mean


@pytest.mark.parametrize("slope", [0.0, 0.4])
def test_whether_own_weights_are_used_is_what_the_measure_says(learned: TraitsModel, slope: float) -> None:
    """With slope 0 the answer stands before anything is measured, with 0.4 it does not."""
    prior, covariance = GainPrior((At(8, 0, 0.5, 0.0, 0.0, 0.05, slope, 0.0),)), learned.prior.covariance
    assert (prior.least(8) > -TOLERANCE) == (slope == 0.0)
    people = [learned.evidence_of(one) for one in simulate_people(12, choices=8, seed=3)]
    found = [helps(one, covariance, prior) for one in people]
    assert found == [measure(one, covariance, prior).helps for one in people]
    assert all(found) == (slope == 0.0)


def test_too_few_people_give_no_prior_and_it_survives_its_json() -> None:
    assert GainPrior.learned(cases(5, 10, 0.0)) is None
    prior = GainPrior.learned(cases(5, 60, 0.2))
    assert prior is not None
    assert GainPrior.from_json(prior.as_json()).expected(0.01, 5).share == pytest.approx(
        prior.expected(0.01, 5).share, abs=1e-3
    )
    for bad in ([], [{**prior.as_json()[0], "share": 1.5}], [{**prior.as_json()[0], "mean": math.nan}]):
        with pytest.raises(ValueError, match="gain"):
            GainPrior.from_json(bad)


def test_few_people_say_little_beyond_the_base_rate_and_each_number_of_groups_little_beyond_all() -> None:
    always = [Case(5, 0.0, 0.01)] * 30
    prior = GainPrior.learned(always)
    assert prior is not None
    pooled = (30 + 50 * BASE) / 80
    assert prior.at[0].share == pytest.approx((30 + 200 * pooled) / 230)
    mixed = GainPrior.learned([Case(5, 0.0, 0.01)] * 40 + [Case(8, 0.0, -0.01)] * 40)
    assert mixed is not None
    five, eight = mixed.at
    assert BASE - 0.12 < eight.share < 0.5 < five.share < BASE + 0.12


def test_a_gain_beyond_what_chance_gives_is_of_a_clear_taste() -> None:
    """Fault: fourteen choices that all agreed, 0.74 nats better, were "55 %" and no expected gain."""
    at = At(12, 150, 0.55, 0.0, 0.0, 0.025, 0.01, 0.003)
    usual, clear = at.expected(0.04), at.expected(0.74)
    assert usual.share == pytest.approx(0.55, abs=0.02)
    assert clear.share == pytest.approx(0.73, abs=0.01)
    assert clear.mean == pytest.approx(0.3 * 0.74, abs=0.01)
    assert at.expected(-0.74).share < 0.55  # the other side is noise, or a taste that has changed
    shares = [at.expected(gain).share for gain in np.linspace(-0.2, 0.4, 40)]
    assert shares == sorted(shares)


def test_of_people_of_other_sets_half_of_it_is_taken() -> None:
    prior = GainPrior.learned(cases(8, 400, 0.2))
    assert prior is not None
    [here], [elsewhere] = prior.at, prior.elsewhere().at
    assert elsewhere.share == pytest.approx((here.share + BASE) / 2)
    assert elsewhere.mean == pytest.approx(here.mean / 2)
    assert elsewhere.slope == here.slope


def test_gains_are_measured_with_a_covariance_that_knows_nothing_of_the_person() -> None:
    rng = np.random.default_rng(4)

    def someone() -> Person:
        return Person(rng.normal(size=6), rng.normal(size=(6, 3)), [np.array([at]) for at in range(6)])

    people = [someone() for _ in range(9)]
    before = covariances_without(people, np.full(3, 0.1), 20.0)
    for at in range(9):
        other = covariances_without([*people[:at], someone(), *people[at + 1 :]], np.full(3, 0.1), 20.0)
        same = [np.array_equal(one, two) for one, two in zip(before, other, strict=True)]
        assert same == [part == at % 3 for part in range(3)]


@pytest.fixture(scope="module")
def learned() -> TraitsModel:
    return TraitsModel.from_population(simulate_people(60, choices=14, seed=11, prompt_tokens=30, response_tokens=100))


def test_a_population_gives_the_prior_on_the_gain(learned: TraitsModel) -> None:
    assert learned.prior.gain is not PUBLIC
    assert [one.groups for one in learned.prior.gain.at] == sorted(one.groups for one in learned.prior.gain.at)
    assert all(one.people >= 30 for one in learned.prior.gain.at)


@pytest.mark.parametrize(("people", "told"), [(99, False), (100, True)])
def test_a_percentage_needs_a_hundred_other_people_behind_it(people: int, told: bool) -> None:
    prior = GainPrior((At(2, people, 0.6, 0.01, 0.0, 0.05, 0.0, 0.0), At(8, 40, 0.6, 0.01, 0.0, 0.05, 0.0, 0.0)))
    loss = np.full(6, 0.6)
    found = arm_selection(Measured.of(loss, loss - 0.01, [np.array([at]) for at in range(6)], prior))
    assert found.chosen == "persona"
    assert found.confidence == (pytest.approx(0.6, abs=0.005) if told else None)
    assert ("60%" in found.reason) == told


@pytest.mark.parametrize("choices", [2, 4, 5, 12])
def test_no_percentage_below_five_groups_and_none_over_ninety_nine(learned: TraitsModel, choices: int) -> None:
    for person in simulate_people(8, choices=choices, seed=12):
        evidence = learned.evidence(person.decided)
        selection = arm_selection(measure(evidence, learned.prior.covariance, learned.prior.gain))
        if len(evidence.groups) < FEWEST_GROUPS:
            assert "%" not in selection.reason
            assert selection.confidence is None
        assert "99" not in selection.reason


def test_the_same_number_decides_what_is_used(learned: TraitsModel) -> None:
    for person in simulate_people(12, choices=10, seed=13):
        evidence = learned.evidence(person.decided)
        measured = measure(evidence, learned.prior.covariance, learned.prior.gain)
        assert (arm_selection(measured).chosen == "persona") == (measured.expected.mean > -TOLERANCE)


def alone_in(groups: int) -> list[NDArray[np.intp]]:
    return [np.array([at]) for at in range(groups)]


@pytest.mark.parametrize(
    ("losses", "misled"),
    [
        ([0.9, 1.1, 0.8, 1.0, 0.9, 1.2, 0.7, 1.0], True),
        ([0.9, 1.1, 0.8, 1.0, 0.9, 1.2, 0.7], False),  # seven groups are too few to tell
        ([0.2, 2.1, 0.3, 1.9, 0.2, 1.2, 0.4, 1.0], False),  # worse on average, within chance
        ([0.5, 0.4, 0.6, 0.5, 0.6, 0.4, 0.5, 0.6], False),
    ],
)
def test_predictions_worse_than_even_odds_are_told(losses: list[float], misled: bool) -> None:
    found = Measured.of(np.array(losses), None, alone_in(len(losses)))
    assert found.misled == misled
    assert ("even odds" in arm_selection(found).reason) == misled


def test_the_test_of_even_odds_counts_groups_and_seldom_errs() -> None:
    one_group = [np.arange(8), *(np.array([at]) for at in range(8, 14))]
    assert not Measured.of(np.full(14, 0.9), None, one_group).misled  # seven groups, whatever they hold
    draw = np.random.default_rng(3)
    true = [draw.uniform(0.5, 0.8, 20) for _ in range(400)]
    losses = [-np.log(np.where(draw.random(20) < p, p, 1.0 - p)) for p in true]
    assert np.mean([Measured.of(one, None, alone_in(20)).misled for one in losses]) < 0.02
