"""Executors of independent jobs: in this process, in several processes on this machine, or on Ray (`on_ray`).

    with Processes(2) as executor:
        for job, result in executor.run(jobs): ...            # as they complete

Jobs are picklable and write their results to files; the return value of `run` is small. A job must be deterministic: if
its worker dies, it runs again.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from personalrm import errors
from personalrm.errors import DataError, PersonalrmError, RowError, StorageError
from personalrm.llm.connect import EndpointOptions

R_co = TypeVar("R_co", covariant=True)
J = TypeVar("J", bound="Job[Any]")
AHEAD = 2
"""Jobs submitted per worker: one running and one waiting, so that no worker is idle."""
TRIES = 5
"""A job whose worker dies this many times (probably out of memory) ends the run."""


class Job(Protocol[R_co]):
    """A unit of work."""

    @property
    def name(self) -> str:
        """Name for messages."""
        ...

    def run(self) -> R_co:
        """Run it; a PersonalrmError ends the run."""
        ...


class Executor(Protocol):
    """Runs jobs."""

    @property
    def workers(self) -> int:
        """Number of jobs that run at the same time."""
        ...

    @property
    def lost(self) -> int:
        """Number of jobs that ran again because their worker died."""
        ...

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the jobs so far."""
        ...

    def run(self, jobs: Iterable[J]) -> Iterator[tuple[J, Any]]:
        """Yield jobs with their results as they complete; jobs are taken from ``jobs`` only when a worker needs one.

        Raises:
            PersonalrmError: of the first job that raised one; the others are cancelled.
            StorageError: a job's worker died `TRIES` times.
        """
        ...

    def share(self, endpoint: EndpointOptions) -> str | None:
        """A name under which workers share one limit and one budget; None with one worker.

        Raises:
            DataError: these workers cannot share limits.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job's result, or its error by name, because errors with extra arguments cannot be unpickled."""

    value: Any = None
    error: str = ""
    said: str = ""
    cpu_s: float = 0.0

    def unwrapped(self) -> Any:
        """The result; raises the error."""
        if not self.error:
            return self.value
        kind = getattr(errors, self.error, PersonalrmError)
        raise (DataError if kind is RowError else kind)(self.said)


def done(job: Job[Any]) -> Outcome:
    """Run a job in the worker; expected errors become part of the outcome."""
    began = time.process_time()
    try:
        value = job.run()
        return Outcome(value, cpu_s=time.process_time() - began)
    except PersonalrmError as error:
        return Outcome(error=type(error).__name__, said=str(error))


class InProcess:
    """Runs one job after the other in this process."""

    workers = 1
    lost = 0
    cpu_s = 0.0

    def run(self, jobs: Iterable[J]) -> Iterator[tuple[J, Any]]:
        """See `Executor.run`."""
        for job in jobs:
            began = time.process_time()
            result = job.run()
            self.cpu_s += time.process_time() - began
            yield job, result

    def share(self, endpoint: EndpointOptions) -> str | None:
        """See `Executor.share`."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Processes:
    """Several processes on this machine, spawned rather than forked, so that they share no locks and threads.

    Args:
        workers: number of processes.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise DataError(f"--processes: expected at least 1, found {workers}")
        self.workers, self.lost, self.cpu_s = workers, 0, 0.0
        self._pool: ProcessPoolExecutor | None = None

    def run(self, jobs: Iterable[J]) -> Iterator[tuple[J, Any]]:
        """See `Executor.run`."""
        return run_ahead(jobs, AHEAD * self.workers, self._submit, _ready, self._restart, self)

    def share(self, endpoint: EndpointOptions) -> str | None:
        """See `Executor.share`."""
        raise DataError("--processes: one process keeps an endpoint full; leave it out, or use --address")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(kill=kind is not None)

    def _submit(self, job: Job[Any]) -> Future[Outcome]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, context, initializer=_ignore_interrupts)
        return self._pool.submit(done, job)

    def _restart(self) -> None:
        """Restart the pool: when one worker dies, all its jobs are lost."""
        self._close(kill=True)

    def _close(self, *, kill: bool) -> None:
        pool, self._pool = self._pool, None
        if pool is None:
            return
        workers = list(getattr(pool, "_processes", None) or {})
        pool.shutdown(wait=not kill, cancel_futures=True)
        for number in workers if kill else ():
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if kill:
            pool.shutdown(wait=True)


def _ready(waiting: Iterable[Future[Outcome]]) -> list[tuple[Future[Outcome], Outcome | None]]:
    """Completed futures with their outcomes; None if the worker died."""
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    return [(one, None if isinstance(one.exception(), BrokenProcessPool) else one.result()) for one in finished]


def _ignore_interrupts() -> None:
    """Ignore Ctrl-C, which is sent to the whole process group; the driver process stops its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


F = TypeVar("F")


class Account(Protocol):
    """Counters of an executor."""

    lost: int
    cpu_s: float


def run_ahead(
    jobs: Iterable[J],
    ahead: int,
    submit: Callable[[J], F],
    ready: Callable[[Iterable[F]], list[tuple[F, Outcome | None]]],
    restart: Callable[[], None],
    account: Account,
    finish: Callable[[Iterable[F]], None] = lambda _: None,
) -> Iterator[tuple[J, Any]]:
    """Keep ``ahead`` jobs submitted; a job whose outcome is None lost its worker and is submitted again.

    Args:
        submit: submits a job and returns a handle of its outcome.
        ready: waits until at least one outcome is available.
        restart: called once after lost workers, before jobs are submitted again.
        account: counts lost workers and CPU seconds.
        finish: waits for the other jobs after the first error.
    """
    waiting: dict[F, tuple[J, int]] = {}
    new = iter(jobs)
    while True:
        for job in islice(new, ahead - len(waiting)):
            waiting[submit(job)] = job, 1
        if not waiting:
            return
        lost: list[tuple[J, int]] = []
        found: list[tuple[J, Any]] = []
        for one, outcome in ready(list(waiting)):
            job, tries = waiting.pop(one)
            if outcome is None:
                lost.append((job, tries))
            elif outcome.error:
                finish(waiting)  # requests in flight are paid for, so their answers are stored first
                outcome.unwrapped()
            else:
                account.cpu_s += outcome.cpu_s
                found.append((job, outcome.value))
        yield from found
        if lost:
            restart()
        for job, tries in lost:
            if tries == TRIES:
                raise StorageError(
                    f"{job.name}: its worker died {TRIES} times, probably out of memory; use more --shards"
                )
            account.lost += 1
            waiting[submit(job)] = job, tries + 1
