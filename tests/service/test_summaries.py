"""What is shown of a whole space: worked out at once while it is small, in the background once it is large."""

from __future__ import annotations

import pytest
from stores import choice

from personalrm.models.traits import TraitsModel
from personalrm.service import summaries
from personalrm.store.jobs import Work
from personalrm.store.predictions import Prediction
from personalrm.store.profiles import NewVersion
from personalrm.store.store import Store

SOON = Work.update()


def test_a_large_space_is_worked_out_in_the_background_and_read_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store("sqlite://")
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(n) for n in range(4)], SOON)
    ada = space.people.require("ada")
    learned = space.history.learnable(ada)
    profile = TraitsModel.shipped().fit(learned.history).profile()
    made = [Prediction(one.number, 1, 0.8, 1.0, "g") for one in learned.choices]
    space.profiles.save(ada, NewVersion(profile, learned, "refit", predictions=made[:2]))
    summaries.refresh_all(store)
    assert space.summary.get() is None  # a small space is worked out when it is asked for
    assert summaries.summary_of(space).quality["choices"] == 2
    monkeypatch.setattr(summaries, "LIVE", 1)
    summaries.refresh_all(store)
    space.profiles.save(space.people.require("ada"), NewVersion(profile, learned, "refit", predictions=made[2:]))
    old = summaries.summary_of(space)
    assert (old.quality["choices"], old.quality["accuracy"], sum(one.predictions for one in old.days)) == (2, 1.0, 2)
    summaries.refresh_all(store)
    assert summaries.summary_of(space) == old  # not again within a minute
    monkeypatch.setattr(summaries, "AT_LEAST_S", 0.0)
    monkeypatch.setattr(summaries, "SHARE", 0)
    summaries.refresh_all(store)
    assert summaries.summary_of(space).quality["choices"] == 4
    store.close()
