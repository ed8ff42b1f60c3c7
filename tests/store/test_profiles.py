"""Profiles with every version, as they were saved; predictions made once; what was forgotten is learned no more."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import func, select, update
from stores import choice

from personalrm.errors import StoreConflict, UnknownRecord
from personalrm.models.traits import TraitsModel
from personalrm.preferences import Message
from personalrm.profile.records import Claim, JudgeState, Profile, Reasoning
from personalrm.profile.spend import Spend
from personalrm.store.history import Learnable
from personalrm.store.jobs import Work
from personalrm.store.people import PersonState
from personalrm.store.predictions import prediction_of
from personalrm.store.profiles import NewVersion
from personalrm.store.records import Rating, Thumb
from personalrm.store.schema import profiles, shared_states
from personalrm.store.store import SpaceStore, Store

SOON = Work.update()


def fitted(space: SpaceStore, name: str = "ada", choices: int = 8) -> tuple[PersonState, Learnable, Profile]:
    space.feedback.choices(name, [choice(n, short=n % 4 != 0) for n in range(choices)], SOON)
    person = space.people.require(name)
    learned = space.history.learnable(person)
    return person, learned, TraitsModel.shipped().fit(learned.history).profile()


def test_a_profile_is_loaded_as_it_was_saved(store: Store) -> None:
    space = store.make_space("a")
    person, learned, profile = fitted(space)
    saved = space.profiles.save(person, NewVersion(profile, learned, "refit", checked={"gain": 0.1}))
    assert space.profiles.load(person, saved.version) == profile
    assert space.profiles.versions(person) == [saved]
    now = space.people.require("ada")
    assert (now.active_version, now.is_stale) == (1, False)
    pair = learned.history.choices[0].context, "Short.", "Long and winding. " * 30
    before, after = TraitsModel.shipped().fit(learned.history), TraitsModel.from_profile(space.profiles.load(person, 1))
    assert before.compare(*pair) == after.compare(*pair)


def test_every_version_stays_and_one_is_in_use(store: Store) -> None:
    space = store.make_space("a")
    person, learned, profile = fitted(space)
    for aside in (False, True, False):
        space.profiles.save(space.people.require("ada"), NewVersion(profile, learned, "refit", aside=aside))
    assert [(one.version, one.state) for one in space.profiles.versions(person)] == [
        (3, "active"),
        (2, "aside"),
        (1, "superseded"),
    ]
    space.returns.use("ada", 2, SOON)
    assert space.people.require("ada").active_version == 2
    assert {one.version: one.state for one in space.profiles.versions(person)}[2] == "active"


def test_old_versions_are_dropped_but_for_one_a_day_and_those_a_person_touched(store: Store) -> None:
    space = store.make_space("a")
    person, learned, profile = fitted(space)
    new = NewVersion(profile, learned, "update")
    for at in range(9):
        space.profiles.save(space.people.require("ada"), replace(new, aside=at == 3))
        if at == 1:
            space.returns.use("ada", 1, SOON)
        if at == 4:
            claim = Claim("Prefers answers under 80 words: 6 of 8 choices", (learned.history.choices[0].id,), ())
            space.corrections.add("ada", claim, "wrong", 5, None, SOON)
    with store.database.write() as connection:  # the second and third were of other days
        for version, day in ((2, 1), (3, 2)):
            mine = profiles.c.version == version
            connection.execute(update(profiles).where(mine).values(created=profiles.c.created - day * 86400.0))
    space.profiles.save(space.people.require("ada"), new, kept=2)
    # in use, newest, the last old one of today, corrected, kept aside, two of other days, put in use by hand
    assert [one.version for one in space.profiles.versions(person)] == [10, 9, 8, 5, 4, 3, 2, 1]
    record = space.erasures.begin("ada")
    assert space.erasures.finish(record, []).counts["profiles"] == 8


def test_thumbs_and_ratings_alone_ask_for_learning_and_are_learned_from(store: Store) -> None:
    space = store.make_space("a")
    turns = [(Message("user", f"question {n}"),) for n in range(4)]
    rated = [Rating(context=turns[n], response=f"r{n}", score=score) for n, score in enumerate((5.0, 1.0, 4.0, 3.25))]
    space.feedback.ratings("ada", [*rated, Rating(context=turns[3], response="other", score=3.0)], SOON)
    space.feedback.thumbs("bob", [Thumb(context=turns[0], response="yes", up=True)], SOON)
    ada, bob = (space.people.require(name) for name in ("ada", "bob"))
    assert {one.person for one in space.jobs.list()} == {"ada", "bob"}
    # the mean is 3.25; two ratings of one prompt are a choice instead
    liked = {one.response: one.liked for one in space.history.learnable(ada).thumbs}
    assert liked == {"r0": True, "r1": False, "r2": True}
    assert len(space.history.learnable(ada).choices) == 1
    assert [one.liked for one in space.history.learnable(bob).thumbs] == [True]


def test_texts_and_the_prior_are_not_stored_again_with_each_version(store: Store) -> None:
    space = store.make_space("a")
    person, learned, profile = fitted(space)
    for _ in range(3):
        space.profiles.save(person, NewVersion(profile, learned, "refit"))
    with store.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(shared_states)).scalar() == 1
        bodies = connection.execute(select(profiles.c.body)).scalars().all()
    assert max(map(len, bodies)) < 8000


def test_a_profile_of_a_job_that_went_to_another_worker_is_not_kept(store: Store) -> None:
    space = store.make_space("a")
    person, learned, profile = fitted(space)
    lost = space.jobs.claim_person(person.id, 0.0)
    job = space.jobs.claim_person(person.id, 30.0)
    assert lost is not None
    assert job is not None
    with pytest.raises(StoreConflict):
        space.profiles.save(person, NewVersion(profile, learned, "refit"), lost)
    assert space.profiles.versions(person) == []
    space.profiles.save(person, NewVersion(profile, learned, "refit"), job)
    assert space.jobs.list() == []


def test_a_prediction_is_made_before_learning_and_once(store: Store) -> None:
    space = store.make_space("a")
    person, learned, profile = fitted(space)
    space.profiles.save(person, NewVersion(profile, learned, "refit"))
    assert space.predictions.unlearned(person, learned.last_number) == []
    space.feedback.choices("ada", [choice(20), choice(21, tie=True)], SOON)
    (new,) = space.predictions.unlearned(person, learned.last_number)
    again = space.history.learnable(person)
    stored = space.history.by_number(person, [new])[new]
    first, second = prediction_of(stored, 1, 0.8), prediction_of(stored, 2, 0.1)
    space.profiles.save(space.people.require("ada"), NewVersion(profile, again, "update", predictions=[first]))
    space.profiles.save(space.people.require("ada"), NewVersion(profile, again, "update", predictions=[second]))
    (kept,) = space.predictions.of_person(person)
    assert (kept.probability, kept.version, kept.longer) == (0.8, 1, 0.0)
    (tally,) = space.predictions.tallies()
    assert (tally.person, tally.predicted, tally.right) == ("ada", 1, 1.0)
    assert tally.loss == pytest.approx(0.2231, abs=1e-4)


def test_a_forgotten_choice_is_learned_no_more_until_it_is_restored(store: Store) -> None:
    space = store.make_space("a")
    person, learned, profile = fitted(space)
    space.profiles.save(person, NewVersion(profile, learned, "refit"))
    assert space.history.forget("ada", "api", "c3", forgotten=True, work=SOON)
    assert not space.history.forget("ada", "api", "c3", forgotten=True, work=SOON)
    now = space.people.require("ada")
    assert (now.choices, now.is_stale) == (7, True)
    assert "api/c3" not in [one.id for one in space.history.learnable(now).history]
    assert space.profiles.load(person, 1) == profile  # an old version shows what it was learned from
    assert space.history.forget("ada", "api", "c3", forgotten=False, work=SOON)
    assert len(space.history.learnable(now).choices) == 8


def test_spending_adds_up_by_month(store: Store) -> None:
    a, b = store.make_space("a"), store.make_space("b")
    a.spending.book(Spend(calls=2, prompt_tokens=10, completion_tokens=5, cost=0.5))
    a.spending.book(Spend(calls=1, cost=None))
    spent = a.spending.this_month()
    assert (spent.calls, spent.tokens, spent.cost) == (3, 15, 0.5)
    assert b.spending.this_month().calls == 0


def test_a_reasoning_that_did_not_know_the_persons_own_words_is_asked_for_again(store: Store) -> None:
    space = store.make_space("a")
    person, learned, profile = fitted(space)
    ids = [one.preference.id for one in learned.choices[:3]]
    state = JudgeState(tuple(Reasoning(one, "Because it is short.", "a", True, 0.5) for one in ids))
    space.profiles.save(person, NewVersion(replace(profile, engine=state), learned, "refit"))
    one, revision = learned.choices[1], space.people.require("ada").revision
    assert space.history.explain("ada", one.source, one.external_id, "I read on a phone.", SOON)
    assert not space.history.explain("ada", one.source, one.external_id, "I read on a phone.", SOON)
    assert space.people.require("ada").revision == revision + 1
    loaded = space.profiles.load(person, 1)
    assert [found.choice for found in loaded.reasonings] == [ids[0], ids[2]]
    assert {found.id: found.reason for found in loaded.history}[ids[1]] == "I read on a phone."
    again = replace(loaded, engine=state)
    space.profiles.save(space.people.require("ada"), NewVersion(again, space.history.learnable(person), "refit"))
    assert [found.choice for found in space.profiles.load(person, 2).reasonings] == ids
    space.history.explain("ada", one.source, one.external_id, None, SOON)
    assert [found.choice for found in space.profiles.load(person, 2).reasonings] == [ids[0], ids[2]]
    with pytest.raises(UnknownRecord, match="none"):
        space.history.explain("ada", one.source, "none", "x", SOON)
