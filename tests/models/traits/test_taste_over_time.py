"""Changes of taste and forgetting, on simulated people whose taste is known to change, or not to."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.data.simulated import simulate_people
from personalrm.errors import ProfileError
from personalrm.models.traits import TraitsModel
from personalrm.models.traits.changes import changes_of
from personalrm.models.traits.fit import Array, sigmoid
from personalrm.models.traits.forgetting import age_weights, forgetful_posterior, learn_half_life
from personalrm.models.traits.person import Evidence
from personalrm.models.traits.posterior import Person, person_posterior
from personalrm.models.traits.prior import PERSONAL, Prior

WIDTH = len(PERSONAL)
COVARIANCE = np.eye(WIDTH) * 0.3
NOTHING = np.zeros(WIDTH)


def person(choices: int, taste: Array, later: Array, seed: int) -> Evidence:
    """Bradley–Terry choices over random trait differences; the taste turns into the later one half-way."""
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(choices, WIDTH))
    weights = np.where(np.arange(choices)[:, None] < choices // 2, taste, later)
    first = rng.random(choices) < sigmoid((t * weights).sum(axis=1))
    t[~first] *= -1.0
    return Evidence(np.zeros(choices), t, [np.array([at]) for at in range(choices)])


def turned(seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=WIDTH) * 0.5, rng.normal(size=WIDTH) * 0.5


def keys(evidence: Evidence) -> list[str]:
    return [str(at) for at in range(len(evidence.offset))]


def test_a_strong_change_is_dated_and_named() -> None:
    taste, later = NOTHING.copy(), NOTHING.copy()
    bullets = PERSONAL.index("bullets")
    taste[bullets], later[bullets] = -2.0, 2.0
    evidence = person(120, taste, later, 3)
    (found,) = changes_of(evidence, keys(evidence), COVARIANCE, NOTHING)
    assert found.earliest <= 60 <= found.latest
    assert found.traits[0].trait == "bullets"
    assert found.traits[0].before < 0 < found.traits[0].after
    assert found.traits[0].z > 0
    assert found.noticed > found.at


def test_who_does_not_change_sees_hardly_ever_an_alarm() -> None:
    alarms = 0
    for seed in range(12):
        taste, _ = turned(seed)
        evidence = person(50, taste, taste, 100 + seed)
        alarms += bool(changes_of(evidence, keys(evidence), COVARIANCE, NOTHING))
    assert alarms <= 4  # 0.6 expected at most; more than 4 has a probability of 0.0003


def test_the_same_choices_give_the_same_answer() -> None:
    evidence = person(100, *turned(5), 6)
    found = [changes_of(evidence, keys(evidence), COVARIANCE, NOTHING) for _ in range(2)]
    assert found[0] == found[1]


def test_without_forgetting_every_choice_counts_alike() -> None:
    assert age_weights(3, None).tolist() == [1.0, 1.0, 1.0]
    assert age_weights(3, 1.0).tolist() == [0.25, 0.5, 1.0]
    evidence = person(30, *turned(7), 8)
    forgetful = forgetful_posterior(evidence.offset, evidence.t, COVARIANCE, np.ones(30))
    for mine, theirs in zip(forgetful, person_posterior(evidence.offset, evidence.t, COVARIANCE), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-6)


def test_a_half_life_is_learned_from_people_who_change_and_from_no_others() -> None:
    changing = [person(48, *turned(seed), 200 + seed) for seed in range(30)]
    strong = [person(48, 2 * turned(seed)[0], 2 * turned(seed)[1], 200 + seed) for seed in range(30)]
    steady = [person(48, turned(seed)[0], turned(seed)[0], 200 + seed) for seed in range(30)]

    def learned(some: list[Evidence]) -> float | None:
        return learn_half_life([Person(one.offset, one.t, one.groups) for one in some], COVARIANCE).half_life

    assert learned(strong) is not None
    assert learned(steady) is None
    assert learn_half_life([Person(one.offset, one.t, one.groups) for one in changing[:5]], COVARIANCE).gains == ()


def test_a_prior_keeps_its_half_life_and_a_fit_uses_it() -> None:
    model = TraitsModel.shipped()
    assert model.prior.half_life is None
    assert "half_life" not in model.prior.as_json()
    forgetful = Prior.from_json({**model.prior.as_json(), "half_life": 4.0})
    assert Prior.from_json(forgetful.as_json()).half_life == 4.0
    with pytest.raises(ProfileError):
        Prior.from_json({**model.prior.as_json(), "half_life": 0.0})
    history = simulate_people(1, choices=30, seed=4)[0]
    fitted = [TraitsModel.from_prior(one, model.tools.reader).fit(history) for one in (model.prior, forgetful)]
    assert fitted[0].covariance.trace() < fitted[1].covariance.trace()
