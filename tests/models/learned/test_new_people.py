"""What can be promised of a short training on 60 people, simulated or real, is that it beats chance on others.

Each choice of somebody new is predicted from this person's other conversations. That the person's own part helps is
not promised here: on so few people it is worth less than its noise (on all of prism it is, see the benchmark).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from personalrm.data.simulated import simulate_people
from personalrm.models.learned import Settings, train
from personalrm.preferences import History

GROUPS = 3
"""Groups of a person that are predicted."""


def margins_of(model_of: object, one: History) -> list[float]:
    """Log-odds of each choice of the first groups from the person's other groups."""
    found = []
    for group in list(dict.fromkeys(each.group for each in one.decided))[:GROUPS]:
        mine = model_of.fit(one.only(each for each in one if each.group != group))  # type: ignore[attr-defined]
        asked = [(each.context, each.chosen, each.rejected) for each in one.decided if each.group == group]
        p = mine.compare_many(asked)
        found.extend(np.log(p / (1.0 - p)))
    return found


@pytest.fixture(params=["simulated", pytest.param("prism", marks=[pytest.mark.real_people, pytest.mark.slow])])
def everybody(request: pytest.FixtureRequest) -> list[History]:
    if request.param == "simulated":
        return simulate_people(
            120, choices=10, seed=9, noise=0.4, strength=0.5, groups=2, prompt_tokens=30, response_tokens=80
        )
    return [one for one in request.getfixturevalue("prism") if one.decided]


def test_new_people_are_predicted_better_than_chance(everybody: list[History]) -> None:
    model = train(everybody[:60], Settings("pref", "traits", members=2, epochs=6))
    new = everybody[60:120]
    assert not any(model.summary.people.holds(one.user) for one in new)
    margins = [np.array(margins_of(model, one)) for one in new]
    right, count = np.array([(one > 0).sum() for one in margins]), np.array([len(one) for one in margins])
    draws = np.random.default_rng(0).integers(len(new), size=(2000, len(new)))  # people, not choices, are drawn
    accuracy = right[draws].sum(1) / count[draws].sum(1)
    assert np.quantile(accuracy, 0.025) > 0.55
    assert np.logaddexp(0.0, -np.concatenate(margins)).mean() < math.log(2) - 0.02
