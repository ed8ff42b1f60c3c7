"""The surface baselines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalrm.models.base import LocalModel
from personalrm.models.surface import First, Longer, Random, Shorter
from personalrm.preferences import History, Message


@pytest.mark.parametrize(("a", "b", "longer"), [("abc", "ab", 1.0), ("a", "ab", 0.0), ("ab", "cd", 0.5), ("", "", 0.5)])
def test_longer_and_shorter_are_opposites(a: str, b: str, longer: float) -> None:
    assert Longer().compare((), a, b).probability == longer
    assert Shorter().compare((), a, b).probability == 1.0 - longer


def test_first_takes_what_is_shown_first() -> None:
    assert First().compare((), "x", "y").winner == First().compare((), "y", "x").winner == "a"


@given(st.text(), st.text(), st.integers(0, 3))
def test_the_coin_falls_the_same_way_in_either_order(a: str, b: str, seed: int) -> None:
    forward, swapped = (Random(seed).compare((), *pair).probability for pair in ((a, b), (b, a)))
    assert forward is not None
    assert swapped == 1.0 - forward
    assert forward in ({0.5} if a == b else {0.0, 1.0})


def test_the_coin_is_fair_and_depends_on_seed_and_context() -> None:
    pairs = [(f"left {n}", f"right {n}") for n in range(2000)]
    tosses = [Random(0).compare((), a, b).probability for a, b in pairs]
    assert 900 < sum(one or 0.0 for one in tosses) < 1100
    assert tosses != [Random(1).compare((), a, b).probability for a, b in pairs]
    assert tosses != [Random(0).compare((Message("user", "hi"),), a, b).probability for a, b in pairs]


@pytest.mark.parametrize("model", [Longer(), Shorter(), First(), Random(3)])
def test_there_is_nothing_to_fit(model: LocalModel) -> None:
    assert model.fit(History("ada", ())) is model
