"""Axes on which people differ, by name, and one person's place on them."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.models.traits.axes import named_axes, place_on
from personalrm.models.traits.person import Evidence
from personalrm.models.traits.posterior import person_posterior

NAMES = ("bullets", "lines", "essays", "warm words")
PHRASES = {"bullets": ("bullet points", "no bullet points"), "lines": ("several lines", "one block"),
           "essays": ("essays", "no essays"), "warm words": ("warm wording", "plain wording")}  # fmt: skip
TASTES = np.array([[0.4, 0.3, -0.3, 0.0], [0.3, 0.4, -0.3, 0.0], [-0.3, -0.3, 0.4, 0.0], [0.0, 0.0, 0.0, 0.05]])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_the_first_axis_is_named_by_what_varies_together() -> None:
    first = named_axes(TASTES, NAMES)[0]
    assert set(first.high) == {"bullets", "lines"} or set(first.low) == {"bullets", "lines"}
    assert first.share > 0.7
    said = first.text(PHRASES)
    assert " over " in said
    assert {"bullet points", "several lines"} <= set(said.replace(" over ", " and ").split(" and "))


def test_an_axis_without_two_ends_is_said_with_one() -> None:
    (axis, *_) = named_axes(np.diag([0.1, 0.1, 0.1, 2.0]), NAMES, most=1)
    assert axis.text(PHRASES) in ("warm wording", "plain wording")


def test_before_any_choice_a_place_is_zero_with_deviation_one() -> None:
    nobody = Evidence(np.zeros(0), np.zeros((0, 4)), [])
    place = place_on(named_axes(TASTES, NAMES)[0], nobody, np.zeros(4), TASTES)
    assert place.position == 0.0
    assert place.deviation == pytest.approx(1.0)
    assert place.supporting == place.opposing == ()


def test_choices_move_a_person_and_stand_behind_the_place(rng: np.random.Generator) -> None:
    t = rng.normal(size=(30, 4))
    t *= np.sign(t[:, 0] + t[:, 1] - t[:, 2])[:, None]  # always bullets and lines over essays
    evidence = Evidence(np.zeros(30), t, [np.array([at]) for at in range(30)])
    axis = named_axes(TASTES, NAMES)[0]
    place = place_on(axis, evidence, *person_posterior(evidence.offset, t, TASTES))
    assert abs(place.position) > 2 * place.deviation
    assert place.deviation < 0.7
    assert len(place.supporting) > 10 * max(len(place.opposing), 1)
    assert ("bullets" in axis.high) == (place.position > 0)
