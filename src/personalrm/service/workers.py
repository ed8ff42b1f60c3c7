"""Threads that take jobs from the queue and do them, until they are stopped.

Any number of processes may do so on one database: the store gives each job to one of them (see `store.jobs`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from personalrm.errors import StorageError
from personalrm.service.logs import ServiceLog
from personalrm.service.running import LEASE_S, JobRunner
from personalrm.store.jobs import Stage
from personalrm.store.store import Store

IDLE_S = 2.0
"""How often the queue is looked at where nothing wakes a worker: others may have put something there."""
PERIOD_S = 60.0
PAUSE = 3.0


class Workers:
    """See the module's docstring.

    Args:
        threads: how many work at once.
        periodic: done every minute by one of them: what a crash has left, what has grown old.
    """

    def __init__(
        self, store: Store, runner: JobRunner, log: ServiceLog, threads: int, periodic: Callable[[], None]
    ) -> None:
        self._store, self._runner, self._log, self._periodic = store, runner, log, periodic
        self._is_busy, self._refits_from = False, 0.0
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(number == 0,), name=f"personalrm-learn-{number}")
            for number in range(threads)
        ]

    def start(self) -> None:
        """Start the threads."""
        for one in self._threads:
            one.start()

    def wake(self) -> None:
        """Something was asked for: look at the queue now."""
        self._wake.set()

    def give_way(self, *, is_busy: bool) -> None:
        """While the service has much to answer, refits, which nobody waits for, take a quarter of the time at most."""
        self._is_busy = is_busy

    def stop(self) -> None:
        """Let each thread end its job."""
        self._stopping.set()
        self._wake.set()
        for one in self._threads:
            one.join()

    def _work(self, is_first: bool) -> None:
        looked = -PERIOD_S
        while not self._stopping.is_set():
            try:
                if is_first and time.monotonic() - looked > PERIOD_S:
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
        if self._wake.wait(max(wait, 0.02)):
            self._wake.clear()

    def _one(self) -> bool:
        """Do the next job that is due; whether there was one."""
        began = time.monotonic()
        stages: tuple[Stage, ...] = ("update", "refit") if began >= self._refits_from else ("update",)
        job = self._store.queue.claim(LEASE_S, 2, stages)
        if job is None:
            return False
        self._runner.run(self._store.by_id(job.space_id), job, job.stage)
        if job.stage == "refit" and self._is_busy:
            now = time.monotonic()
            self._refits_from = now + PAUSE * (now - began)
        return True
