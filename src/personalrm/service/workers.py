"""Worker threads that take jobs from the queue until they are stopped.

One thread only learns new choices, which requests may wait for. The others refit, at a lower CPU priority, and help
with new choices. So an update never waits for a refit. Several processes can work on one database: the store gives each
job to one of them (see `store.jobs`).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence

from personalrm.errors import StorageError
from personalrm.service.logs import ServiceLog
from personalrm.service.running import LEASE_S, JobRunner
from personalrm.store.jobs import STAGES, Stage
from personalrm.store.store import SpaceSettings, Store

IDLE_S = 2.0
"""Polling interval of the queue when nothing wakes a worker: other processes may have added jobs."""
HELD_S = 0.1
"""Polling interval while a job is due that may not be taken yet."""
SETTINGS_S = 5.0
"""How long the settings of spaces are cached."""
PERIOD_S = 60.0
PAUSE = 3.0
NICE = 10
"""Niceness of the refitting threads: predictions, which clients wait for, go first."""


class Workers:
    """See the module's docstring.

    Args:
        threads: number of threads that refit.
        periodic: called every minute by one of them, for cleanup and stale summaries.
    """

    def __init__(
        self, store: Store, runner: JobRunner, log: ServiceLog, threads: int, periodic: Callable[[], None]
    ) -> None:
        self._store, self._runner, self._log, self._periodic = store, runner, log, periodic
        self._is_busy, self._refits_from = False, 0.0
        self._most: tuple[float, dict[int, int]] = -SETTINGS_S, {}
        self._stopping = threading.Event()
        self._wakes = [threading.Event() for _ in range(threads + 1)]
        self._threads = [
            threading.Thread(target=self._work, args=(number,), name=f"personalrm-learn-{number}")
            for number in range(threads + 1)
        ]

    def start(self) -> None:
        """Start the threads."""
        for one in self._threads:
            one.start()

    def wake(self) -> None:
        """Check the queue now: a job was added."""
        for one in self._wakes:
            one.set()

    def give_way(self, *, is_busy: bool) -> None:
        """While the service is under load, refits use at most a quarter of the time: no request waits for them."""
        self._is_busy = is_busy

    def stop(self) -> None:
        """Let each thread finish its job, then stop."""
        self._stopping.set()
        self.wake()
        for one in self._threads:
            one.join()

    def _work(self, number: int) -> None:
        looked = -PERIOD_S
        if number:
            _lower_priority()
        while not self._stopping.is_set():
            try:
                if number == 1 and time.monotonic() - looked > PERIOD_S:
                    looked = time.monotonic()
                    self._periodic()
                stages = self._stages(number)
                if not self._one(stages):
                    self._wait(self._wakes[number], stages)
            except StorageError as error:
                self._log.write("store", level="error", error=type(error).__name__, detail=str(error))
                self._stopping.wait(1.0)
            except Exception as error:
                self._log.failure("worker", error)
                self._stopping.wait(1.0)

    def _stages(self, number: int) -> Sequence[Stage]:
        return STAGES if number and time.monotonic() >= self._refits_from else ("update",)

    def _wait(self, wake: threading.Event, stages: Sequence[Stage]) -> None:
        due = self._store.queue.next_due(stages)
        wait = IDLE_S if due is None else min(IDLE_S, due - time.time())
        if wake.wait(max(wait, HELD_S)):
            wake.clear()

    def _one(self, stages: Sequence[Stage]) -> bool:
        """Run the next due job; return whether there was one."""
        began = time.monotonic()
        job = self._store.queue.claim(LEASE_S, SpaceSettings().fits_at_once, stages, self._exceptions())
        if job is None:
            return False
        self._runner.run(self._store.by_id(job.space_id), job, job.stage)
        if job.stage == "refit" and self._is_busy:
            now = time.monotonic()
            self._refits_from = now + PAUSE * (now - began)
        return True

    def _exceptions(self) -> dict[int, int]:
        looked, found = self._most
        if time.monotonic() - looked >= SETTINGS_S:
            found = self._store.fits_at_once()
            self._most = time.monotonic(), found
        return found


def _lower_priority() -> None:
    """Lower the CPU priority of this thread (on Linux, niceness is per thread)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
