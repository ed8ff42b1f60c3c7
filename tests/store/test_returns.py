"""A return to an earlier taste lasts: which choices count is kept with each version of the profile."""

from __future__ import annotations

import pytest
from stores import choice, learn

from personalrm.errors import DataError
from personalrm.models.traits import TraitsModel
from personalrm.store.counting import Counting, dumped, loaded
from personalrm.store.jobs import Work
from personalrm.store.people import PersonState
from personalrm.store.profiles import NewVersion, Version
from personalrm.store.store import SpaceStore, Store

SOON = Work.update()


def made(space: SpaceStore, numbers: range, *, short: bool) -> None:
    for name in ("bob", "ada"):  # numbers of two people's choices alternate
        for number in numbers:
            space.feedback.choices(name, [choice(number, short=short)], SOON)


def ids(space: SpaceStore) -> list[str]:
    return [one.external_id for one in space.history.learnable(space.people.require("ada")).choices]


def changed(space: SpaceStore) -> tuple[Version, Version, PersonState]:
    """Six choices, a version, six choices of another taste, a version."""
    made(space, range(6), short=True)
    first = learn(space)
    made(space, range(6, 12), short=False)
    return first, learn(space), space.people.require("ada")


OLD, NEW = [f"c{n}" for n in range(6)], [f"c{n}" for n in range(6, 12)]


def test_a_return_leaves_out_the_choices_since_and_learns_the_next_ones(store: Store) -> None:
    space = store.make_space("a")
    first, second, person = changed(space)
    learned = space.history.learnable(person)
    since = {one.number for one in learned.choices[6:]}
    space.returns.go_back("ada", since, first.version, SOON)
    now = space.people.require("ada")
    assert (now.active_version, now.is_stale) == (first.version, True)
    assert [one.person for one in space.jobs.list()].count("ada") == 1
    assert ids(space) == OLD
    assert [one.external_id for one in space.history.learnable(now).left_out] == NEW
    made(space, range(12, 15), short=True)
    for kind in ("next", "next but one"):
        third = learn(space)
        assert ids(space) == [*OLD, "c12", "c13", "c14"], kind
        assert third.counting.left_out == ((min(since), max(since)),)
        assert space.profiles.version(person, third.version) == third
    bob = space.people.require("bob")
    assert len(space.history.learnable(bob).choices) == 15
    assert second.counting == Counting()


def test_who_keeps_their_taste_has_all_choices_counted_again(store: Store) -> None:
    space = store.make_space("a")
    first, _, person = changed(space)
    since = {one.number for one in space.history.learnable(person).choices[6:]}
    space.returns.go_back("ada", since, first.version, SOON)
    learn(space)
    space.returns.keep("ada", "api/c6", SOON)
    assert ids(space) == [*OLD, *NEW]
    assert space.people.require("ada").is_stale
    last = learn(space)
    assert last.counting == Counting((), ("api/c6",))
    assert not space.people.require("ada").is_stale
    assert [one.action for one in space.audit.list()][:2] == ["keep", "return"]


def test_an_earlier_version_put_in_use_stays_the_ground_of_what_is_learned(store: Store) -> None:
    space = store.make_space("a")
    first, second, _ = changed(space)
    assert space.returns.use("ada", first.version, SOON).left_out != ()
    assert not space.people.require("ada").is_stale
    made(space, range(12, 14), short=True)
    third = learn(space)
    assert ids(space) == [*OLD, "c12", "c13"]
    space.returns.use("ada", second.version, SOON)
    assert ids(space) == [*OLD, *NEW]
    space.returns.use("ada", third.version, SOON)
    assert ids(space) == [*OLD, "c12", "c13"]


def test_a_version_that_was_kept_aside_leaves_no_choice_out(store: Store) -> None:
    space = store.make_space("a")
    made(space, range(6), short=True)
    learn(space)
    aside = learn(space, aside=True)
    made(space, range(6, 8), short=True)
    learn(space)
    assert space.returns.use("ada", aside.version, SOON) == Counting()
    assert len(ids(space)) == 8


def test_what_was_learned_from_other_choices_does_not_undo_a_return(store: Store) -> None:
    space = store.make_space("a")
    first, _, person = changed(space)
    learned = space.history.learnable(person)
    profile = TraitsModel.shipped().fit(learned.history).profile()
    space.returns.use("ada", first.version, SOON)  # while a worker learns
    assert space.profiles.save(person, NewVersion(profile, learned, "refit")) is None
    assert space.people.require("ada").active_version == first.version


def test_a_job_that_learns_while_somebody_returns_is_done_again(store: Store) -> None:
    space = store.make_space("a")
    first, _, person = changed(space)
    job = space.jobs.claim_person(person.id, 30.0)
    assert job is not None
    learned = space.history.learnable(person)
    profile = TraitsModel.shipped().fit(learned.history).profile()
    since = {one.number for one in learned.choices[6:]}
    space.returns.go_back("ada", since, first.version, SOON)
    assert space.profiles.save(person, NewVersion(profile, learned, "update"), job) is None
    assert [(one.stage, one.state) for one in space.jobs.list() if one.person == "ada"] == [("update", "queued")]


def test_nobody_returns_without_a_profile(store: Store) -> None:
    space = store.make_space("a")
    made(space, range(1), short=True)
    with pytest.raises(DataError):
        space.returns.keep("ada", None, SOON)
    with pytest.raises(DataError):
        space.returns.go_back("ada", {1}, 7, SOON)


def test_ranges_join_over_other_peoples_numbers() -> None:
    everything = [1, 4, 6, 9, 12, 13]
    one = Counting().without({6, 9}, everything)
    assert one.left_out == ((6, 9),)
    two = one.without({12}, everything)
    assert two.left_out == ((6, 12),)
    assert one.without({13, 1}, everything).left_out == ((1, 1), (6, 9), (13, 13))
    assert [number for number in everything if two.counts(number)] == [1, 4, 13]
    assert two.keeping("x").keeping("x").with_all() == Counting((), ("x",))
    for counting in (Counting(), two, two.keeping("api/ü")):
        assert loaded(dumped(counting)) == counting
    assert loaded("{}") == Counting()
