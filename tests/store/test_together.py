"""What belongs together is read and written together, whatever another request or worker does in between.

Each test lets the other one act at a fixed point: before the read or write that `at` names.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from stores import choice, learn

from personalrm.errors import PersonalrmError, StoreConflict, UnknownPerson
from personalrm.models.traits import TraitsModel
from personalrm.profile.records import Claim
from personalrm.store import once as once_module
from personalrm.store import people as people_module
from personalrm.store.jobs import Work
from personalrm.store.once import Once
from personalrm.store.profiles import NewVersion, Version
from personalrm.store.records import Rating
from personalrm.store.store import SpaceStore, Store

SOON = Work.update()


def at(patch: pytest.MonkeyPatch, owner: Any, name: str, act: Callable[[], object]) -> None:
    """Let ``act`` happen once, before the function of that name is called."""
    plain, left = getattr(owner, name), [act]

    def hooked(*args: Any, **kwargs: Any) -> Any:
        if left:
            left.pop()()
        return plain(*args, **kwargs)

    patch.setattr(owner, name, hooked)


class Other:
    """Runs in another thread, because it has to wait for the transaction that it meets; `join` returns its error."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._error: BaseException | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()
        self._thread.join(0.2)  # it runs until it waits for a lock

    def join(self) -> BaseException | None:
        self._thread.join(30.0)
        assert not self._thread.is_alive()
        return self._error

    def _run(self) -> None:
        try:
            self._work()
        except PersonalrmError as error:
            self._error = error


def fitted(space: SpaceStore, numbers: range = range(6), *, aside: bool = False) -> Version:
    space.feedback.choices("ada", [choice(number) for number in numbers], SOON)
    return learn(space, aside=aside)


def test_all_reads_of_one_block_see_one_moment(store: Store) -> None:
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(1)], SOON)
    with store.database.read() as connection:
        count = "SELECT (SELECT count(*) FROM choices), (SELECT revision FROM people)"
        before = tuple(connection.exec_driver_sql(count).one())
        space.feedback.choices("ada", [choice(2)], SOON)
        assert tuple(connection.exec_driver_sql(count).one()) == before == (1, 1)


def test_a_request_that_is_repeated_while_it_runs_is_stored_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    space = store.make_space("a")
    found = []

    def send() -> None:
        found.append(space.feedback.choices("ada", [choice(1)], SOON, Once("k", b"r" * 16)))

    other = Other(send)
    at(monkeypatch, once_module, "remember", other.start)
    send()
    assert other.join() is None
    assert [one.accepted for one in found] == [1, 1]
    assert space.people.require("ada").choices == 1


def test_a_key_used_for_two_people_at_once_is_a_conflict_of_one_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = store.make_space("a")
    other = Other(lambda: space.feedback.choices("bob", [choice(1)], SOON, Once("k", b"b" * 16)))
    at(monkeypatch, once_module, "remember", other.start)
    refused: list[object] = []
    try:
        space.feedback.choices("ada", [choice(1)], SOON, Once("k", b"a" * 16))
    except StoreConflict as error:
        refused.append(error)
    refused.append(other.join())
    assert [type(one) for one in refused if one is not None] == [StoreConflict]
    assert len(space.people.list()) == 1


def test_a_choice_that_comes_while_a_version_is_saved_waits_and_does_not_block_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = store.make_space("a")
    space.feedback.choices("ada", [choice(number) for number in range(6)], SOON)
    person = space.people.require("ada")
    job = space.jobs.claim_person(person.id, 30.0)
    learned = space.history.learnable(person)
    new = NewVersion(TraitsModel.shipped().fit(learned.history).profile(), learned, "update")
    other = Other(lambda: space.feedback.choices("ada", [choice(7)], SOON))
    at(monkeypatch, people_module, "lock_same", other.start)
    assert space.profiles.save(person, new, job) is not None
    assert other.join() is None
    assert space.people.require("ada").is_stale
    assert [(one.stage, one.state) for one in space.jobs.list()] == [("update", "queued")]


def test_a_version_put_in_use_by_hand_is_not_replaced_by_what_was_being_learned(store: Store) -> None:
    space = store.make_space("a")
    fitted(space)
    aside = fitted(space, range(6), aside=True)
    person = space.people.require("ada")
    learned = space.history.learnable(person)
    new = NewVersion(TraitsModel.shipped().fit(learned.history).profile(), learned, "refit")
    space.returns.use("ada", aside.version, SOON)
    assert space.profiles.save(person, new) is None
    space.profiles.nothing_to_learn(person, learned.revision, _claimed(space, person.id))
    assert space.people.require("ada").active_version == aside.version


def _claimed(space: SpaceStore, person_id: int) -> Any:
    space.jobs.request("ada", SOON)
    return space.jobs.claim_person(person_id, 30.0)


def _corrects(space: SpaceStore) -> None:
    space.corrections.add("ada", Claim("Prefers lists", ("api/c1",), ()), "forget", 1, None, SOON)


CHANGES: dict[str, Callable[[SpaceStore], object]] = {
    "correction": _corrects,
    "forgotten": lambda space: space.history.forget("ada", "api", "c1", forgotten=True, work=SOON),
    "reason": lambda space: space.history.explain("ada", "api", "c1", "It is short.", SOON),
    "rating": lambda space: space.feedback.ratings(
        "ada", [Rating(context=choice(n).context, response="Yes.", score=float(n)) for n in (40, 41)], SOON
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_an_earlier_version_without_what_was_said_since_is_learned_again(store: Store, kind: str) -> None:
    space = store.make_space("a")
    first = fitted(space)
    CHANGES[kind](space)
    fitted(space, range(6, 8))
    space.returns.use("ada", first.version, SOON)
    now = space.people.require("ada")
    assert (now.active_version, now.is_stale) == (first.version, True)
    assert [one.state for one in space.jobs.list()] == ["queued"]


def test_the_version_in_use_put_in_use_again_still_lacks_the_newest_choice(store: Store) -> None:
    space = store.make_space("a")
    saved = fitted(space)
    space.returns.use("ada", saved.version, SOON)
    assert not space.people.require("ada").is_stale
    space.feedback.choices("ada", [choice(9)], SOON)
    space.returns.use("ada", saved.version, SOON)
    assert space.people.require("ada").is_stale


def test_what_was_learned_of_an_erased_person_does_not_go_to_a_new_one_of_that_name(store: Store) -> None:
    space = store.make_space("a")
    fitted(space)
    person = space.people.require("ada")
    learned = space.history.learnable(person)
    new = NewVersion(TraitsModel.shipped().fit(learned.history).profile(), learned, "refit")
    space.erasures.finish(space.erasures.begin("ada"), [])
    space.people.readmit("ada")
    with pytest.raises(StoreConflict):
        space.profiles.save(person, new)
    assert space.profiles.versions(space.people.require("ada")) == []


@pytest.mark.parametrize("step", ["begun", "finished"])
def test_nothing_is_noted_or_asked_for_an_erased_person(store: Store, step: str) -> None:
    space = store.make_space("a")
    fitted(space)
    person = space.people.require("ada")
    record = space.erasures.begin("ada")
    if step == "finished":
        space.erasures.finish(record, [])
    with pytest.raises(StoreConflict):
        space.people.keep_answer(person.id, b"k" * 32)
    with pytest.raises(UnknownPerson):
        space.jobs.request("ada", SOON)


def test_an_erasure_that_is_begun_twice_at_once_has_one_record(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from personalrm.store import audit as audit_module

    space = store.make_space("a")
    fitted(space)
    begun = []
    other = Other(lambda: begun.append(space.erasures.begin("ada").id))
    at(monkeypatch, audit_module, "write", other.start)
    begun.append(space.erasures.begin("ada").id)
    assert other.join() is None
    assert len(set(begun)) == 1
    assert len(space.erasures.unfinished()) == 1


def test_counts_that_two_processes_note_at_once_are_added(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from personalrm.store import erasures as erasures_module

    space = store.make_space("a")
    fitted(space)
    record = space.erasures.begin("ada")
    other = Other(lambda: space.erasures.note(record, {"vectors": 3}))
    at(monkeypatch, erasures_module, "_write", other.start)
    space.erasures.note(record, {"answers": 12})
    assert other.join() is None
    found = space.erasures.get(record.id)
    assert found is not None
    assert found.counts == {"answers": 12, "vectors": 3}


def test_two_changes_of_a_spaces_settings_are_both_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from personalrm.store import store as store_module

    space = store.make_space("a")
    other = Other(lambda: store.change_settings(space, {"max_chats": 7}))
    at(monkeypatch, store_module, "asdict", other.start)
    store.change_settings(space, {"max_calls": 5})
    assert other.join() is None
    now = store.settings(space)
    assert (now.max_calls, now.max_chats) == (5, 7)


def test_two_processes_that_make_one_space_get_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from personalrm.store import store as store_module

    second = Store(store.database.url.render_as_string(hide_password=False))
    at(monkeypatch, store_module.secrets, "token_bytes", lambda: second.make_space("a"))
    try:
        assert store.make_space("a").id == second.make_space("a").id
    finally:
        second.close()


def test_refits_that_are_claimed_at_once_stay_within_the_spaces_limit(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from personalrm.store import jobs as jobs_module

    space = store.make_space("a")
    for name in ("ada", "bob"):
        space.feedback.choices(name, [choice(1)], Work.refit(0.0, 0.0))
    found = []
    other = Other(lambda: found.append(store.queue.claim(30.0, 1)))
    at(monkeypatch, jobs_module, "_claiming", other.start)
    found.append(store.queue.claim(30.0, 1))
    assert other.join() is None
    assert sum(one is not None for one in found) == 1
