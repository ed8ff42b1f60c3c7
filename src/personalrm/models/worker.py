"""Runs computations in a worker thread if an event loop is running, else directly.

    async def score(self, ...): return await in_worker(self.model.score, ...)     # a loop is never held up
    score = blocking(ascore)                                                      # the synchronous version

A coroutine that only awaits `in_worker` and `background_loop.join` can be run without an event loop, so synchronous
calls of the embedded engine need no thread switch (50–300 µs each, as long as a prediction).
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import Future
from functools import cache
from queue import SimpleQueue
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, cast

from personalrm.llm import background_loop

P = ParamSpec("P")
T = TypeVar("T")

WORKERS = 2
"""Threads of each kind."""
TURN_S = 0.001
"""Switch interval of the interpreter while one of them computes. An event loop needs the interpreter lock again after
each system call and waits for one interval each time, or several if other threads wait too: with Python's 5 ms, loops
stood still for 15–25 ms. Its cost to the computation is too small to measure."""


async def in_worker(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a short computation (a prediction) without blocking the event loop."""
    return await _computed("predict", functools.partial(work, *args, **kwargs))


async def in_fitting_worker(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a long computation (a fit, a population) in separate threads, so that predictions do not wait for it."""
    return await _computed("fit", functools.partial(work, *args, **kwargs))


async def iterated_in_worker(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items of an iterable that reads or computes each of them, without blocking the event loop."""
    waiting, end = iter(items), object()
    while (item := await in_worker(next, waiting, end)) is not end:
        yield cast(T, item)


def blocking(verb: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The synchronous version of an async function; also works inside a running event loop, as in a notebook."""

    @functools.wraps(verb)
    def plain(*args: P.args, **kwargs: P.kwargs) -> T:
        work = verb(*args, **kwargs)
        return background_loop.run(work) if background_loop.in_event_loop() else _run_here(work)

    return plain


def _run_here(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to completion in this thread, without an event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise RuntimeError("this function awaits something that needs an event loop")


async def _computed(kind: str, work: Callable[[], T]) -> T:
    if not background_loop.in_event_loop():
        return work()
    return await asyncio.wrap_future(_workers(kind, os.getpid()).submit(work))


class _ShortTurns:
    """A context manager that shortens the interpreter's switch interval while at least one thread is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = TURN_S

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before, TURN_S))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and math.isclose(sys.getswitchinterval(), TURN_S):  # else someone else has set it
                sys.setswitchinterval(self._before)


class _Workers:
    """Threads for computations. They are daemons, so an interrupted program does not wait for a long fit."""

    def __init__(self, kind: str) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        for number in range(WORKERS):
            threading.Thread(target=self._run, name=f"personalrm-{kind}-{number}", daemon=True).start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._jobs.put((future, work))
        return future

    def _run(self) -> None:
        while True:
            future, work = self._jobs.get()
            if future.set_running_or_notify_cancel():  # otherwise the caller has cancelled it
                try:
                    with _turns(os.getpid()):
                        result = work()
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)
                    del result
            del future, work  # otherwise the last result would be kept until the next job


@cache
def _workers(kind: str, process: int) -> _Workers:
    """Separate for each process: a forked child does not inherit threads."""
    return _Workers(kind)


@cache
def _turns(process: int) -> _ShortTurns:
    """Separate for each process: in a forked child no thread is inside."""
    return _ShortTurns()
