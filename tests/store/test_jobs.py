"""One worker a person, nothing asked is forgotten, nobody keeps all workers."""

from __future__ import annotations

import threading
import time

import pytest
from stores import choice

from personalrm.errors import StoreConflict
from personalrm.store.jobs import MOST_ATTEMPTS, Job, Work
from personalrm.store.store import SpaceStore, Store

SOON = Work.update()


def person_with_work(space: SpaceStore, name: str = "ada", work: Work = SOON) -> int:
    space.feedback.choices(name, [choice(1)], work)
    return space.people.require(name).id


def claimed(store: Store, lease: float = 30.0, most: int = 99) -> Job:
    job = store.queue.claim(lease, most)
    assert job is not None
    return job


def test_a_job_is_claimed_once_however_many_ask(store: Store) -> None:
    space = store.make_space("a")
    numbers = {person_with_work(space, f"p{n}") for n in range(12)}
    found: list[Job] = []

    def work() -> None:
        while (job := store.queue.claim(30.0, 99)) is not None:
            found.append(job)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(job.person_id for job in found) == sorted(numbers)
    assert len({job.worker for job in found}) == 12


def test_what_is_asked_while_a_worker_runs_is_done_after_it(store: Store) -> None:
    space = store.make_space("a")
    person_with_work(space)
    job = claimed(store)
    space.feedback.choices("ada", [choice(2)], SOON)
    assert store.queue.claim(30.0, 99) is None
    space.jobs.finish(job, then=Work.refit(60.0, 60.0))
    again = claimed(store)
    assert (again.person_id, again.stage) == (job.person_id, "update")
    space.jobs.finish(again, then=Work.refit(60.0, 60.0))
    assert store.queue.claim(30.0, 99) is None
    assert [one.stage for one in space.jobs.list()] == ["refit"]


def test_a_job_that_is_finished_is_gone(store: Store) -> None:
    space = store.make_space("a")
    person_with_work(space)
    space.jobs.finish(claimed(store))
    assert space.jobs.list() == []
    assert store.queue.next_due() is None


def test_a_refit_waits_until_nothing_more_comes_in_but_not_for_ever(store: Store) -> None:
    space = store.make_space("a")
    began = time.time()
    person_with_work(space, work=Work.refit(10.0, 25.0))
    begun = time.time()
    for _ in range(3):
        space.feedback.choices("ada", [choice(int(time.time() * 1e6))], Work.refit(20.0, 25.0))
    (row,) = space.jobs.list()
    assert began + 20.0 <= row.due <= min(time.time() + 20.0, begun + 25.0)
    space.feedback.choices("ada", [choice(99)], Work.refit(300.0, 400.0))
    (row,) = space.jobs.list()
    assert began + 25.0 <= row.due <= begun + 25.0


def test_a_job_whose_worker_has_died_goes_to_another(store: Store) -> None:
    space = store.make_space("a")
    person_with_work(space)
    dead = claimed(store, lease=0.05)
    time.sleep(0.1)
    alive = claimed(store)
    assert (alive.person_id, alive.attempts) == (dead.person_id, 1)
    with pytest.raises(StoreConflict):
        space.jobs.finish(dead)
    with pytest.raises(StoreConflict):
        space.jobs.heartbeat(dead, 30.0)
    space.jobs.heartbeat(alive, 30.0)
    space.jobs.finish(alive)


def test_a_renewed_lease_is_kept(store: Store) -> None:
    space = store.make_space("a")
    person_with_work(space)
    job = claimed(store, lease=0.2)
    space.jobs.heartbeat(job, 30.0)
    time.sleep(0.3)
    assert store.queue.claim(30.0, 99) is None


def test_a_failing_job_is_tried_later_and_at_last_given_up(store: Store) -> None:
    space = store.make_space("a")
    number = person_with_work(space)
    for attempt in range(MOST_ATTEMPTS):
        job = space.jobs.claim_person(number, 30.0)
        assert job is not None
        space.jobs.fail(job, f"no luck {attempt}")
        (row,) = space.jobs.list()
        assert row.error == f"no luck {attempt}"
        assert store.queue.claim(30.0, 99) is None or attempt == MOST_ATTEMPTS
    assert row.state == "failed"
    assert space.jobs.claim_person(number, 30.0) is None
    space.feedback.choices("ada", [choice(2)], SOON)
    assert claimed(store).attempts == 0


def test_a_space_keeps_no_more_workers_than_it_may(store: Store) -> None:
    big, small, wide = store.make_space("big"), store.make_space("small"), store.make_space("wide")
    for space in (big, wide):
        for n in range(5):
            person_with_work(space, f"p{n}", Work.refit(0.0, 0.0))
    person_with_work(small, work=Work.refit(0.0, 0.0))
    store.change_settings(wide, {"fits_at_once": 3})
    assert store.fits_at_once() == {wide.id: 3}
    taken = [store.queue.claim(30.0, 2, exceptions=store.fits_at_once()) for _ in range(8)]
    spaces = [one.space_id for one in taken if one is not None]
    assert sorted(spaces) == sorted([big.id] * 2 + [small.id] + [wide.id] * 3)


def test_an_update_waits_for_no_refit_of_its_space(store: Store) -> None:
    space = store.make_space("a")
    for n in range(2):
        person_with_work(space, f"p{n}", Work.refit(0.0, 0.0))
        claimed(store, most=2)
    number = person_with_work(space, "new")
    assert claimed(store, most=2).person_id == number


def test_updates_go_before_refits_and_what_somebody_waits_for_before_both(store: Store) -> None:
    space = store.make_space("a")
    first = person_with_work(space, "first", Work.refit(0.0, 0.0))
    second = person_with_work(space, "second", SOON)
    third = person_with_work(space, "third", Work.by_hand())
    assert [claimed(store).person_id for _ in range(3)] == [third, second, first]


def test_a_worker_that_does_not_refit_waits_for_no_refit(store: Store) -> None:
    space = store.make_space("a")
    person_with_work(space, work=Work.refit(0.0, 0.0))
    assert store.queue.next_due(("update",)) is None
    assert store.queue.next_due() is not None
    assert store.queue.claim(30.0, 99, ("update",)) is None


def test_asking_by_hand_brings_a_waiting_refit_forward(store: Store) -> None:
    space = store.make_space("a")
    number = person_with_work(space, work=Work.refit(500.0, 900.0))
    assert store.queue.claim(30.0, 99) is None
    space.jobs.request("ada", Work.by_hand())
    assert claimed(store).person_id == number
