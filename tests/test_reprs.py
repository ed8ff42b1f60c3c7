"""What a notebook and a prompt show of results: short, escaped, and no truth value that misleads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from places import MIRA

from personalrm import SynthesizeMe
from personalrm.formatting.notebook import html_table
from personalrm.models.base import Ranking
from personalrm.preferences import Verdict


def test_a_verdict_has_a_winner_and_no_truth_value() -> None:
    assert [Verdict(one).winner for one in (0.7, 0.3, 0.5, None)] == ["a", "b", None, None]
    with pytest.raises(TypeError, match="winner"):
        bool(Verdict(0.7))
    with pytest.warns(DeprecationWarning, match="winner"):
        assert Verdict(0.7).prefers == "a"


def test_a_profile_shows_its_claims_and_not_its_texts() -> None:
    me = SynthesizeMe()
    assert "not fitted" in repr(me)
    me.fit(MIRA)
    profile = me.profile
    assert profile.persona is not None
    assert profile.history.choices[0].chosen not in repr(profile)
    assert "choices=14" in repr(me)
    shown = me._repr_html_()
    assert shown.count("<tr>") == 1 + len(profile.persona.claims)
    hostile = replace(profile, user="<script>alert(1)</script>")
    assert "<script" not in hostile._repr_html_()


def test_an_evaluation_shows_its_row_and_the_baselines() -> None:
    me = SynthesizeMe().fit(MIRA)
    found = me.evaluate(MIRA)
    for name in (found.row["name"], *(one["name"] for one in found.baselines)):
        assert name in repr(found)
        assert name in found._repr_html_()


def test_a_ranking_is_shown_best_first() -> None:
    shown = Ranking.of_scores([0.0, 2.0])._repr_html_()
    assert shown.index("+1.000") < shown.index("-1.000")


def test_cells_are_escaped() -> None:
    assert html_table("<a>", ("<b>",), [("<c>",)]).count("&lt;") == 3
