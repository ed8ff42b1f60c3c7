"""How independent jobs run: in this process, in several processes of this machine, or on Ray (`on_ray`).

    with Processes(2) as executor:
        for job, result in executor.run(jobs): ...            # as they are ready

Jobs are picklable and write their results to files themselves; what `run` gives back is small. A job must give the same
whenever and wherever it is run: one whose worker died is run again.
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
"""Jobs that are handed out for each worker: one under way, one that waits there, so that none is idle."""
TRIES = 5
"""A job that takes its worker with it so often (out of memory, most likely) ends the run."""


class Job(Protocol[R_co]):
    """A piece of work."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def run(self) -> R_co:
        """Do it; PersonalrmError ends the run."""
        ...


class Executor(Protocol):
    """Runs jobs."""

    @property
    def workers(self) -> int:
        """How many jobs run at once."""
        ...

    @property
    def lost(self) -> int:
        """Jobs that were run again because their worker died."""
        ...

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the jobs so far."""
        ...

    def run(self, jobs: Iterable[J]) -> Iterator[tuple[J, Any]]:
        """Jobs with their results as they are ready; a job is taken from ``jobs`` only when a worker is near free.

        Raises:
            PersonalrmError: of the first job that raised one; the others are given up.
            StorageError: a job's worker died `TRIES` times.
        """
        ...

    def share(self, endpoint: EndpointOptions) -> str | None:
        """A name under which workers find one limit and one budget for all of them; None where there is one worker.

        Raises:
            DataError: these workers cannot share them.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job's result, or its error by name: errors with arguments of their own do not survive pickling."""

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
    """Run a job where it is to be run; expected errors become part of the outcome."""
    began = time.process_time()
    try:
        value = job.run()
        return Outcome(value, cpu_s=time.process_time() - began)
    except PersonalrmError as error:
        return Outcome(error=type(error).__name__, said=str(error))


class InProcess:
    """One job after the other, here."""

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
    """Several processes of this machine, started afresh (not forked), so that they share no locks and threads.

    Args:
        workers: how many.
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
        """All jobs of a pool are lost with one worker."""
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
    """Futures that are done with their outcomes; None for one whose worker died."""
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    return [(one, None if isinstance(one.exception(), BrokenProcessPool) else one.result()) for one in finished]


def _ignore_interrupts() -> None:
    """Ctrl-C goes to the whole process group; the process that runs the jobs ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


F = TypeVar("F")


class Account(Protocol):
    """What an executor counts."""

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
    """Keep ``ahead`` jobs handed out; a job whose outcome is None lost its worker and is handed out again.

    Args:
        submit: hands a job out and gives what stands for its outcome.
        ready: waits until at least one outcome is there.
        restart: called once after lost workers, before jobs are handed out again.
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
                finish(waiting)  # what they have sent is paid for: they keep the answers, and end with the same error
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
                    f"{job.name}: its worker died {TRIES} times, probably for want of memory; use more --shards"
                )
            account.lost += 1
            waiting[submit(job)] = job, tries + 1
