"""Axes on which people differ, by name, and how far choices go along them."""

from __future__ import annotations

import numpy as np
import pytest

from personalrm.models.traits import TraitsModel
from personalrm.models.traits.axes import along, named_axes
from personalrm.models.traits.claims import claims
from personalrm.models.traits.person import Evidence
from personalrm.models.traits.prior import PERSONAL
from personalrm.preferences import Message, Preference

NAMES = ("bullets", "lines", "essays", "warm words")
PHRASES = {"bullets": ("bullet points", "no bullet points"), "lines": ("several lines", "one block"),
           "essays": ("essays", "no essays"), "warm words": ("warm wording", "plain wording")}  # fmt: skip
TASTES = np.array([[0.4, 0.3, -0.3, 0.0], [0.3, 0.4, -0.3, 0.0], [-0.3, -0.3, 0.4, 0.0], [0.0, 0.0, 0.0, 0.05]])


def test_the_first_axis_is_named_by_what_varies_together() -> None:
    first = named_axes(TASTES, NAMES)[0]
    more = set(first.high) == {"bullets", "lines"}
    assert more or set(first.low) == {"bullets", "lines"}
    assert first.share > 0.7
    assert set(first.text(PHRASES, more=more).split(" over ")[0].split(" and ")) == {"bullet points", "several lines"}
    assert first.text(PHRASES, more=more).endswith(" over essays")
    assert first.text(PHRASES, more=not more).startswith("essays over ")


def test_a_single_trait_is_no_axis() -> None:
    assert named_axes(np.diag([0.1, 0.2, 0.3, 2.0]), NAMES) == []
    assert named_axes(np.array([0.1, 0.2, 0.3, 2.0]), NAMES) == []


def test_an_axis_with_one_end_is_said_by_what_is_wanted_or_not() -> None:
    together = np.array([[1.0, 0.95], [0.95, 1.0]])
    [axis] = named_axes(together, NAMES[:2])
    said = {axis.text(PHRASES, more=more) for more in (True, False)}
    assert {frozenset(one.split(" and ")) for one in said} == {
        frozenset({"bullet points", "several lines"}), frozenset({"no bullet points", "one block"}),
    }  # fmt: skip


def test_traits_without_a_name_name_no_axis() -> None:
    assert all("" not in axis.high + axis.low for axis in named_axes(TASTES, ("bullets", "", "essays", "warm words")))


def test_choices_that_hardly_differ_along_an_axis_have_no_sign() -> None:
    axis = named_axes(TASTES, NAMES)[0]
    t = np.array([axis.direction, -axis.direction, 0.01 * axis.direction, np.zeros(4)])
    values, side = along(axis, t)
    assert values == pytest.approx([1.0, -1.0, 0.01, 0.0], abs=1e-9)
    assert axis.direction[3] == 0.0  # what does not name it does not count
    assert side.tolist() == [1.0, -1.0, 0.0, 0.0]
    assert along(axis, np.zeros((0, 4)))[1].shape == (0,)


def test_a_person_who_always_chooses_along_an_axis_is_said_to(shipped: TraitsModel) -> None:
    """No single trait stands out: each is noisy, their sum is not."""
    width, draw = len(shipped.prior.covariance), np.random.default_rng(1)
    factor = np.zeros(width)
    factor[[PERSONAL.index("bullets"), PERSONAL.index("lines")]] = 0.6
    t = draw.normal(size=(24, width))
    t *= np.sign(t @ factor)[:, None]
    choices = [
        Preference(id=str(at), user="u", group=str(at), context=(Message("user", "Hi"),), chosen="a b", rejected="a c")
        for at in range(24)
    ]
    evidence = Evidence(np.zeros(24), t, [np.array([at]) for at in range(24)])
    apart = np.eye(width) * 0.02
    [axis_claim, *_] = claims(choices, evidence, apart + np.outer(factor, factor)).claims
    assert "bullet points" in axis_claim.text
    assert " and " in axis_claim.text
    assert len(axis_claim.supporting) > 10 * max(1, len(axis_claim.opposing))
    assert axis_claim.q_value is not None
    assert axis_claim.q_value <= 0.1
    singles = claims(choices, evidence, apart).claims
    assert all(" and " not in one.text for one in singles)


def test_choices_that_differ_in_one_trait_are_no_evidence_of_an_axis(shipped: TraitsModel) -> None:
    covariance = shipped.prior.covariance
    for one in (PERSONAL.index("bullets"), PERSONAL.index("exclamation marks")):
        t = np.zeros((24, len(covariance)))
        t[:, one] = 1.0
        choice = Preference(id="1", user="u", group="1", context=(Message("user", "Hi"),), chosen="a", rejected="b")
        found = claims([choice] * 24, Evidence(np.zeros(24), t, [np.array([n]) for n in range(24)]), covariance)
        assert found.tried == 1
        assert all(" over " not in claim.text for claim in found.claims)
