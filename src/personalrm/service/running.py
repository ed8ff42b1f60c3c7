"""Runs one job of the queue: learn and save, or record the failure and retry later."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from personalrm.errors import BudgetSpent, PersonalrmError, StorageError, StoreConflict
from personalrm.service.learning import Learner
from personalrm.service.logs import ServiceLog
from personalrm.store.jobs import Job, Stage
from personalrm.store.store import SpaceStore

LEASE_S = 30.0
UNTIL_BUDGET_S = 3600.0
"""Seconds until a job that was stopped by the budget is retried."""
Tell = Callable[[dict[str, Any]], None]


class _LeaseRenewal:
    """Context manager that renews a job's lease; after its end the lease is not renewed again."""

    def __init__(self, space: SpaceStore, job: Job) -> None:
        self._space, self._job = space, job
        self._ended = threading.Event()

    def __enter__(self) -> None:
        threading.Thread(target=self._renew, name="personalrm-lease", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _renew(self) -> None:
        while not self._ended.wait(LEASE_S / 3):
            try:
                self._space.jobs.heartbeat(self._job, LEASE_S)
            except StoreConflict:
                return
            except StorageError:
                continue  # the next attempt may succeed


class JobRunner:
    """Runs jobs. Thread-safe for different people.

    Args:
        learner: learns.
        log: log of the process.
        tell: called with each job that ended, for metrics.
    """

    def __init__(self, learner: Learner, log: ServiceLog, tell: Tell) -> None:
        self._learner, self._log, self._tell = learner, log, tell

    def run(self, space: SpaceStore, job: Job, stage: Stage) -> None:
        """Run a job. StorageError if not even its failure can be recorded."""
        began = time.perf_counter()
        person = space.people.by_id(job.person_id)
        if person is None:
            return  # the person was erased in the meantime
        work = self._learner.update if stage == "update" else self._learner.refit
        try:
            with _LeaseRenewal(space, job):
                outcome = work(space, person, job)
        except StoreConflict:
            return  # another worker has it, or the person was erased
        except BudgetSpent as error:
            _give_back(space, job, str(error), UNTIL_BUDGET_S)
        except StorageError:
            raise
        except PersonalrmError as error:
            self._failed(space, job, str(error))
        except Exception as error:
            self._log.failure("learning", error, space=space.id)
            self._failed(space, job, f"an unexpected error in the service ({type(error).__name__})")
        else:
            aside = outcome.saved is not None and outcome.saved.state == "aside"
            ms = round((time.perf_counter() - began) * 1e3, 1)
            self._log.write("learned", space=space.id, stage=stage, saved=outcome.saved is not None, aside=aside, ms=ms)
            self._tell({"learned": stage, "aside": aside, "person": job.person_id})

    def _failed(self, space: SpaceStore, job: Job, sentence: str) -> None:
        self._tell({"failed": True})
        _give_back(space, job, sentence)


def _give_back(space: SpaceStore, job: Job, sentence: str, delay: float | None = None) -> None:
    """Record the failure, unless another worker has the job or the person was erased in the meantime."""
    with contextlib.suppress(StoreConflict):
        space.jobs.fail(job, sentence, delay=delay)
