"""Threads that learn in the background, and the one place that brings a profile up to date on request.

    workers = Workers(store, learner, clients, …)
    workers.start(); workers.wake(); workers.stop()
    workers.freshened(space, person)                 # the person as they are once their newest choices are learned

Any number of services may work on one database: the store gives each job to one of them (see `store.jobs`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from personalrm.errors import BudgetSpent, PersonalrmError, StorageError, StoreConflict
from personalrm.service.asking import Clients
from personalrm.service.learning import Learner
from personalrm.service.logs import ServiceLog
from personalrm.service.metrics import Metrics
from personalrm.store.jobs import Job
from personalrm.store.people import PersonState
from personalrm.store.store import SpaceStore, Store

LEASE_S = 30.0
IDLE_S = 2.0
"""How often the queue is looked at where nothing wakes a worker: others may have put something there."""
UNTIL_BUDGET_S = 3600.0
INLINE = 400
"""Choices up to which a profile is brought up to date while somebody waits: 50 ms."""
PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Held:
    """Renews a job's lease until it is left."""

    space: SpaceStore
    job: Job
    done: threading.Event

    def __enter__(self) -> None:
        threading.Thread(target=self._renew, name="personalrm-lease", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.done.set()

    def _renew(self) -> None:
        while not self.done.wait(LEASE_S / 3):
            try:
                self.space.jobs.heartbeat(self.job, LEASE_S)
            except StoreConflict:
                return
            except StorageError:
                continue


class Workers:
    """See the module's docstring.

    Args:
        threads: how many learn at once.
        periodic: done every minute by one of them: what a crash has left, what has grown old.
    """

    def __init__(
        self,
        store: Store,
        learner: Learner,
        clients: Clients,
        log: ServiceLog,
        metrics: Metrics,
        threads: int,
        periodic: Callable[[], None],
    ) -> None:
        self._store, self._learner, self._clients = store, learner, clients
        self._log, self._metrics, self._periodic = log, metrics, periodic
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(number == 0,), name=f"personalrm-learn-{number}", daemon=True)
            for number in range(threads)
        ]
        self._locks = [threading.Lock() for _ in range(64)]

    def start(self) -> None:
        """Start the threads."""
        for one in self._threads:
            one.start()

    def wake(self) -> None:
        """Something was asked for: look at the queue now."""
        self._wake.set()

    def stop(self, patience: float) -> None:
        """Let each thread end its job; what takes longer is another's when its lease ends."""
        self._stopping.set()
        self._wake.set()
        deadline = time.monotonic() + patience
        for one in self._threads:
            if one.is_alive():
                one.join(max(0.1, deadline - time.monotonic()))

    def freshened(self, space: SpaceStore, person: PersonState) -> PersonState:
        """The person once their newest choices are learned, where that takes milliseconds; else as they are."""
        if not person.is_stale or not self._clients.is_local or person.choices > INLINE:
            return person
        deadline = time.monotonic() + PATIENCE_S
        with self._locks[person.id % len(self._locks)]:
            now = space.people.require(person.name)
            while now.is_stale and time.monotonic() < deadline:
                job = space.jobs.claim_person(now.id, LEASE_S)
                if job is not None:
                    self._run(space, job, "update")
                    return space.people.require(person.name)
                time.sleep(0.01)  # somebody else is at it
                now = space.people.require(person.name)
        return now

    def _work(self, is_first: bool) -> None:
        looked = 0.0
        while not self._stopping.is_set():
            try:
                if is_first and time.monotonic() - looked > 60.0:
                    looked = time.monotonic()
                    self._periodic()
                if not self._one():
                    self._wait()
            except StorageError as error:
                self._log.write("store", level="error", error=type(error).__name__, detail=str(error))
                self._stopping.wait(1.0)
            except Exception as error:
                self._log.failure("worker", error)
                self._stopping.wait(1.0)

    def _wait(self) -> None:
        due = self._store.queue.next_due()
        wait = IDLE_S if due is None else min(IDLE_S, max(0.0, due - time.time()))
        if self._wake.wait(max(wait, 0.01)):
            self._wake.clear()

    def _one(self) -> bool:
        """Do the next job that is due; whether there was one."""
        job = self._store.queue.claim(LEASE_S, 2)
        if job is None:
            return False
        self._run(self._store.by_id(job.space_id), job, job.stage)
        return True

    def _run(self, space: SpaceStore, job: Job, stage: str) -> None:
        """Do a job. Whatever goes wrong is noted with the job, which is tried again later."""
        began = time.perf_counter()
        person = space.people.by_id(job.person_id)
        if person is None:
            return  # erased since
        try:
            with _Held(space, job, threading.Event()):
                work = self._learner.update if stage == "update" else self._learner.refit
                outcome = work(space, person, job)
        except StoreConflict:
            return  # another worker has it, or the person is gone
        except BudgetSpent as error:
            space.jobs.fail(job, str(error), delay=UNTIL_BUDGET_S)
        except StorageError:
            raise
        except PersonalrmError as error:
            self._failed(space, job, str(error))
        except Exception as error:
            self._log.failure("learning", error, space=space.id)
            self._failed(space, job, f"a fault of the service itself ({type(error).__name__})")
        else:
            self._metrics.learned.labels(stage).inc()
            if outcome.saved is not None and outcome.saved.state == "aside":
                self._metrics.aside.inc()
            self._log.write("learned", space=space.id, stage=stage, ms=round((time.perf_counter() - began) * 1e3, 1))

    def _failed(self, space: SpaceStore, job: Job, sentence: str) -> None:
        self._metrics.failed.inc()
        space.jobs.fail(job, sentence)
