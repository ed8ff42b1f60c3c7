"""Feedback comes in once, whatever the client does."""

from __future__ import annotations

import pytest
from stores import asked, choice

from personalrm.errors import DataError, StoreConflict
from personalrm.store.jobs import Work
from personalrm.store.once import Once
from personalrm.store.records import Choice, Ranked, Rating, Thumb
from personalrm.store.store import Store

NOW = Work.update()


def test_the_same_choices_are_stored_once(store: Store) -> None:
    space = store.make_space("a")
    given = [choice(number) for number in range(5)]
    first = space.feedback.choices("ada", given, NOW)
    assert (first.accepted, first.known, first.conflicts) == (5, 0, ())
    again = space.feedback.choices("ada", [*given, choice(9)], NOW)
    assert (again.accepted, again.known) == (1, 5)
    person = space.people.require("ada")
    assert (person.choices, person.revision) == (6, 2)
    assert [one.id for one in space.history.learnable(person).history] == [f"api/c{n}" for n in (0, 1, 2, 3, 4, 9)]


def test_the_same_choice_twice_in_one_request_counts_once(store: Store) -> None:
    space = store.make_space("a")
    added = space.feedback.choices("ada", [choice(1), choice(1)], NOW)
    assert (added.accepted, added.known) == (1, 1)


def test_an_id_with_another_content_is_a_conflict_and_the_first_stays(store: Store) -> None:
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(1)], NOW)
    added = space.feedback.choices("ada", [choice(1, short=False), choice(2)], NOW)
    assert (added.accepted, added.conflicts) == (1, (0,))
    kept = space.history.learnable(space.people.require("ada")).history.choices[0]
    assert kept.chosen == choice(1).chosen


def test_a_nul_character_is_stored_or_refused_with_a_sentence(store: Store) -> None:
    """PostgreSQL cannot store it; the service and its pages let none through."""
    space = store.make_space("a")
    if store.database.is_sqlite:
        assert space.feedback.choices("ada", [choice(1, reason="a\0b")], NOW).accepted == 1
        return
    with pytest.raises(DataError, match=r"U\+0000"):
        space.feedback.choices("ada", [choice(1, reason="a\0b")], NOW)
    assert space.people.get("ada") is None


def test_an_id_belongs_to_its_source_and_person(store: Store) -> None:
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(1)], NOW)
    assert space.feedback.choices("ada", [choice(1, short=False, source="import")], NOW).accepted == 1
    assert space.feedback.choices("bob", [choice(1, short=False)], NOW).accepted == 1


def test_a_choice_without_an_id_gets_one_that_does_not_tell_the_answer(store: Store) -> None:
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(1, id=None)], NOW)
    space.feedback.choices("bob", [choice(1, id=None)], NOW)
    assert space.feedback.choices("ada", [choice(1, id=None)], NOW).known == 1
    changed_mind = space.feedback.choices("ada", [choice(1, id=None, short=False)], NOW)
    assert changed_mind.accepted == 1
    ids = [one.external_id for one in space.history.learnable(space.people.require("ada")).choices]
    assert ids[1] == f"{ids[0]}-2"


def test_a_request_with_a_key_is_answered_as_before(store: Store) -> None:
    space = store.make_space("a")
    key = Once("k1", b"0" * 16)
    first = space.feedback.choices("ada", [choice(1)], NOW, key)
    assert space.feedback.choices("ada", [choice(1)], NOW, key) == first
    with pytest.raises(StoreConflict, match="Idempotency-Key"):
        space.feedback.choices("ada", [choice(2)], NOW, Once("k1", b"1" * 16))
    assert store.make_space("b").feedback.choices("ada", [choice(2)], NOW, Once("k1", b"1" * 16)).accepted == 1


def test_choices_are_learned_in_the_order_of_their_times(store: Store) -> None:
    space = store.make_space("a")
    times = ["2026-03-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"]
    space.feedback.choices("ada", [choice(n, time=time) for n, time in enumerate(times)], NOW)
    history = space.history.learnable(space.people.require("ada")).history
    assert [one.time for one in history] == sorted(times)


def test_a_ranking_makes_its_pairs(store: Store) -> None:
    space = store.make_space("a")
    full = Ranked(context=asked(1), responses=("a", "b", "c"), ranked=3, id="r1")
    best = Ranked(context=asked(2), responses=("x", "y", "z"), ranked=1, id="r2")
    added = space.feedback.rankings("ada", [full, best], NOW)
    assert (added.accepted, added.choices) == (2, 5)
    assert space.feedback.rankings("ada", [full], NOW).choices == 0
    history = space.history.learnable(space.people.require("ada")).history
    assert {(one.chosen, one.rejected) for one in history} == {
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
        ("x", "y"),
        ("x", "z"),
    }
    assert len({one.group for one in history}) == 2


def test_ratings_of_one_prompt_are_compared(store: Store) -> None:
    space = store.make_space("a")
    rated = [Rating(context=asked(1), response=text, score=score, id=text) for text, score in (("a", 4), ("b", 2))]
    assert space.feedback.ratings("ada", rated, NOW).choices == 1
    later = space.feedback.ratings("ada", [Rating(context=asked(1), response="c", score=4, id="c")], NOW)
    assert later.choices == 2
    other = space.feedback.ratings("ada", [Rating(context=asked(2), response="d", score=1, id="d")], NOW)
    assert other.choices == 0
    history = space.history.learnable(space.people.require("ada")).history
    assert {(one.chosen, one.rejected, one.margin) for one in history if not one.tie} == {("a", "b", 2), ("c", "b", 2)}
    assert sum(one.tie for one in history) == 1


def test_an_up_and_a_down_on_one_prompt_make_a_choice(store: Store) -> None:
    space = store.make_space("a")
    assert space.feedback.thumbs("ada", [Thumb(context=asked(1), response="a", up=True, id="1")], NOW).choices == 0
    down = Thumb(context=asked(1), response="b", up=False, id="2", reason="too long")
    assert space.feedback.thumbs("ada", [down], NOW).choices == 1
    (made,) = space.history.learnable(space.people.require("ada")).history
    assert (made.chosen, made.rejected, made.reason) == ("a", "b", "too long")


def test_a_choice_is_as_it_came(store: Store) -> None:
    space = store.make_space("a")
    given = Choice(
        id="ü/1",
        context=asked(3),
        chosen="",
        rejected="🙂 \u2028 'quoted' \"twice\" \\ %s ;--",
        domain="x",
        reason="r",
        margin=1.5,
        group="g",
        time="2026-01-01T00:00:00+00:00",
    )
    space.feedback.choices("ada", [given], NOW)
    (one,) = space.history.learnable(space.people.require("ada")).history
    assert (one.context, one.chosen, one.rejected) == (given.context, given.chosen, given.rejected)
    assert (one.domain, one.reason, one.margin, one.group, one.time) == ("x", "r", 1.5, "g", given.time)


def test_the_latest_thumb_on_a_response_counts(store: Store) -> None:
    space = store.make_space("a")
    for number, (response, up) in enumerate((("a", True), ("a", False), ("b", False))):
        given = Thumb(context=asked(1), response=response, up=up, id=str(number))
        assert space.feedback.thumbs("ada", [given], NOW).choices == 0  # b is disliked as a is by now
    learnable = space.history.learnable(space.people.require("ada"))
    assert [(one.response, one.liked) for one in learnable.thumbs] == [("a", False), ("b", False)]
