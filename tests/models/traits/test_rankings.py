"""Rankings whole (Plackett–Luce) and weighted choices: known answers, gradients, and simulated people's recovery."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from personalrm.models.traits import TraitsModel, leave_group_out
from personalrm.models.traits.person import once_a_ranking
from personalrm.models.traits.posterior import person_posterior, posteriors
from personalrm.models.traits.rankings import stages_of
from personalrm.models.traits.softmax import Stages, gradient_and_hessian, loss, mode_of, without_groups
from personalrm.preferences import History, Preference

ASKED = ({"role": "user", "content": "How long does an egg take?"},)
TEXTS = ("Eight minutes.", "It takes 8 minutes, more or less, in boiling water.", "- Boil it\n- Wait\n- Eat", "Why?")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def random_stages(rng: np.random.Generator, count: int = 12, options: int = 4, width: int = 3) -> Stages:
    """Stages of different numbers of options."""
    offset, x = rng.normal(size=(count, options)), rng.normal(size=(count, options, width))
    offset[::3, -1] = -np.inf
    x[::3, -1] = 0.0
    return Stages(offset, x, rng.uniform(0.2, 1.0, count), np.arange(count) // 2)


def test_the_gradient_is_that_of_finite_differences(rng: np.random.Generator) -> None:
    stages, z, step = random_stages(rng), rng.normal(size=3), 1e-5
    gradient, hessian = gradient_and_hessian(stages, z)
    for at, move in enumerate(step * np.eye(3)):
        assert gradient[at] == pytest.approx((loss(stages, z + move) - loss(stages, z - move)) / (2 * step), abs=1e-7)
        up, down = (gradient_and_hessian(stages, z + way)[0] for way in (move, -move))
        np.testing.assert_allclose(hessian[at], (up - down) / (2 * step), atol=1e-6)


def test_of_two_responses_it_is_bradley_terry(rng: np.random.Generator) -> None:
    offset, t = rng.normal(size=9), rng.normal(size=(9, 4))
    stages = Stages(-offset[:, None], -t[:, None], np.ones(9), np.arange(9))
    mode, hessian = mode_of(stages, np.zeros(4))
    expected, spread = posteriors(offset[None], t[None])
    np.testing.assert_allclose(mode, expected[0], atol=1e-6)
    np.testing.assert_allclose(np.linalg.inv(hessian), spread[0], atol=1e-6)


def test_the_stages_of_a_ranking_are_plackett_and_luce(rng: np.random.Generator) -> None:
    reward = dict(zip("abcd", rng.normal(size=4), strict=True))
    stages = stages_of((("b",), ("a",), ("d",), ("c",)))
    assert stages == [("b", ("a", "d", "c")), ("a", ("d", "c")), ("d", ("c",))]
    said = sum(reward[best] - np.log(sum(np.exp(reward[one]) for one in (best, *rest))) for best, rest in stages)
    in_order = np.array([reward[one] for one in "badc"])
    assert (in_order - np.logaddexp.accumulate(in_order[::-1])[::-1]).sum() == pytest.approx(said)
    assert stages_of((("a",), ("b", "c", "d"))) == [("a", ("b", "c", "d"))]
    assert stages_of((("a", "b"), ("c",))) == [("a", ("c",)), ("b", ("c",))]


@pytest.mark.parametrize("groups", [6, 60])
def test_leaving_a_group_out_is_fitting_without_it(groups: int, rng: np.random.Generator) -> None:
    stages = random_stages(rng, count=2 * groups)
    mode, hessian = mode_of(stages, np.zeros(3))
    modes, spreads = without_groups(stages, mode, hessian, groups)
    for group in (0, groups // 2, groups - 1):
        alone, bent = mode_of(stages.some(stages.group != group), np.zeros(3))
        np.testing.assert_allclose(modes[group], alone, atol=1e-6 if groups == 6 else 5e-3)
        np.testing.assert_allclose(spreads[group], np.linalg.inv(bent), atol=1e-5 if groups == 6 else 5e-3)


def ranked(model: TraitsModel, taste: np.ndarray, rng: np.random.Generator, rankings: int, user: str) -> History:
    """A simulated person who ranks four responses at a time by the population's weights and their own."""
    choices: list[Preference] = []
    for at in range(rankings):
        texts = [f"{TEXTS[k % 4]} {'and more of it, ' * int(rng.integers(0, 9))}{at} {k}" for k in range(4)]
        rewards = np.array([model.score((), one) for one in texts])
        own = np.array([model.differences([((), one, "")])[1][0] @ taste for one in texts])
        order = np.argsort(-(rewards + own + rng.gumbel(size=4)))
        for high in range(4):
            for low in range(high + 1, 4):
                chosen, rejected = texts[order[high]], texts[order[low]]
                whole = {"ranking": f"r{at}", "weight": 1 / 6, "group": f"g{at}", "user": user}
                choices.append(Preference(chosen=chosen, rejected=rejected, id=f"{at}-{high}-{low}", **whole))  # type: ignore[arg-type]
    return History(user, tuple(choices))


def test_a_simulated_person_s_taste_is_recovered_from_rankings(rng: np.random.Generator) -> None:
    model = TraitsModel.shipped()
    taste = np.linalg.cholesky(model.prior.covariance) @ rng.normal(size=len(model.departure)) * 2.0
    history = ranked(model, taste, rng, 60, "ada")
    found, spread = model.posterior(history)
    pairs = model.evidence(history.decided)
    _, narrow = person_posterior(pairs.offset, pairs.t, model.prior.covariance)
    truth = pairs.t @ taste
    assert np.corrcoef(pairs.t @ found, truth)[0, 1] > 0.6
    assert np.trace(narrow) < np.trace(spread)  # pairs taken apart are surer than a ranking is
    inside = np.abs(pairs.t @ (found - taste)) / np.sqrt(((pairs.t @ spread) * pairs.t).sum(axis=1))
    assert 0.85 < np.mean(inside < 1.96) <= 1.0


def test_one_ranking_counts_once() -> None:
    model = TraitsModel.shipped()
    history = ranked(model, np.zeros(len(model.departure)), np.random.default_rng(0), 8, "ada")
    evidence = model.evidence_of(history)
    assert evidence.whole is not None
    assert len(evidence.whole.stages.weight) == 8 * 3  # four responses are three choices
    kept, rows = once_a_ranking(history.decided, evidence)
    assert [one.id for one in kept] == [f"{at}-0-3" for at in range(8)]
    assert len(rows.offset) == 8
    profile = model.fit(history).profile()
    assert profile.fallback.arms["default"].scored == 48
    probabilities = leave_group_out(model, history)
    assert probabilities.shape == (48,)
    assert TraitsModel.from_profile(profile).compare((), TEXTS[0], TEXTS[1]).probability is not None


def test_pairs_alone_take_the_path_they_always_took(few: list[History]) -> None:
    model = TraitsModel.shipped()
    history = few[0]
    assert model.evidence_of(history).whole is None
    pairs = model.evidence(history.decided)
    np.testing.assert_array_equal(
        model.posterior(history)[0], person_posterior(pairs.offset, pairs.t, model.prior.covariance)[0]
    )


def test_a_pair_of_half_the_weight_says_half_as_much(few: list[History]) -> None:
    """A choice with weight ½ given twice is the choice."""
    model = TraitsModel.shipped()
    pairs = few[0].decided
    halves = [replace(one, id=f"{one.id}-{at}", weight=0.5) for one in pairs for at in range(2)]
    whole, half = (model.posterior(few[0].only(some)) for some in (pairs, halves))
    np.testing.assert_allclose(half[0], whole[0], atol=1e-6)
    np.testing.assert_allclose(half[1], whole[1], atol=1e-6)
