"""The choices of a profile's demonstrations are found in one pass over its history."""

from __future__ import annotations

from dataclasses import replace

import pytest
from growth import assert_growth

from personalrm.data.simulated import simulate_people
from personalrm.models.traits import TraitsModel
from personalrm.preferences import History, Preference
from personalrm.profile.records import Demonstration, Profile

_CHOICE = Preference(chosen="yes", rejected="no")


@pytest.fixture(scope="module")
def profile() -> Profile:
    """The profile of a few choices."""
    return TraitsModel.shipped().fit(*simulate_people(1, choices=4, seed=1)).profile()


def _of(profile: Profile, count: int) -> Profile:
    history = History("me", tuple(replace(_CHOICE, id=str(at)) for at in range(count)))
    return replace(
        profile, history=history, demonstrations=tuple(Demonstration(one.id) for one in reversed(tuple(history)))
    )


def test_each_demonstration_has_its_choice_in_the_order_of_the_demonstrations(profile: Profile) -> None:
    found = _of(profile, 3).demonstrated()
    assert [(one.choice, choice.id) for one, choice in found] == [("2", "2"), ("1", "1"), ("0", "0")]


def test_an_unknown_choice_is_a_key_error(profile: Profile) -> None:
    with pytest.raises(KeyError):
        replace(profile, demonstrations=(Demonstration("nobody's"),)).demonstrated()


def test_linear_in_the_demonstrations(profile: Profile) -> None:
    assert_growth(Profile.demonstrated, _of(profile, 1_000), _of(profile, 8_000), 20.0)
