"""Links to one person's pages, and what the pages count: predictions by day and by confidence."""

from __future__ import annotations

import time

import pytest
from stores import choice

from personalrm.errors import UnknownPerson
from personalrm.store.jobs import Work
from personalrm.store.predictions import Prediction, keep
from personalrm.store.scope import Scope
from personalrm.store.store import Store

SOON = Work.update()


def test_a_link_opens_one_person_until_it_ends_or_they_are_erased(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(1)], SOON)
    token, until = space.links.create("ada", 60.0)
    opens = store.opens(token)
    assert opens is not None
    assert (opens.space_id, opens.space, opens.person) == (space.id, "a", "ada")
    with pytest.raises(UnknownPerson):
        space.links.create("bob", 60.0)
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: until + 1.0)
        assert store.opens(token) is None
    record = space.erasures.begin("ada", None)
    assert store.opens(token) is None
    space.erasures.finish(record, [])
    space.people.readmit("ada")
    assert store.opens(token) is None  # the name is somebody new


@pytest.mark.parametrize(
    "token", ["", "prp", "prp_1_1_99999999999_é", f"prp_{'9' * 30}_1_99999999999_0", "prm_1_1_1_1"]
)
def test_what_is_no_link_opens_nothing(store: Store, token: str) -> None:
    store.make_space("a")
    assert store.opens(token) is None


def test_predictions_are_counted_by_day_and_by_confidence(store: Store) -> None:
    space, other = store.make_space("a"), store.make_space("b")
    for one in (space, other):
        one.feedback.choices("ada", [choice(n) for n in range(6)], SOON)
        person = one.people.require("ada")
        numbers = [stored.number for stored in one.history.page(person)]
        given = [0.5, 0.61, 0.39, 1.0, 0.97, None]
        made = [Prediction(number, 1, p, 0.5, "g") for number, p in zip(numbers, given, strict=True)]
        with store.database.write() as connection:
            keep(Scope(connection, one.id), person.id, made)
    bins = space.predictions.by_confidence()
    assert [(round(one.start, 1), one.predictions, one.right) for one in bins] == [
        (0.5, 1, 0.5),
        (0.6, 2, 1.0),
        (0.9, 2, 2.0),
    ]
    assert bins[1].confidence == pytest.approx(0.61)
    days = space.predictions.by_day(time.time() - 3 * 86400)
    assert [(one.predictions, one.right) for one in days] == [(5, 3.5)]
    assert days[0].start <= time.time() < days[0].start + 2 * 86400
    assert space.predictions.by_day(time.time() + 60) == []
