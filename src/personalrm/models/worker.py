"""Where computing is done: in a worker thread while an event loop runs, at once where none does.

    async def score(self, ...): return await in_worker(self.model.score, ...)     # a loop is never held up
    score = blocking(ascore)                                                      # the same verb for plain code

A coroutine whose only waiting is `in_worker` and `background_loop.join` runs to its end without any loop, so plain
calls of the embedded engine cost no switch of threads (50–300 µs each, as much as a prediction).
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import cache
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

from personalrm.llm import background_loop

P = ParamSpec("P")
T = TypeVar("T")

WORKERS = 2
"""Threads of each kind. A loop that wants the interpreter waits up to 5 ms for each thread that computes in Python."""


async def in_worker(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Compute something short (a prediction) without holding up the event loop."""
    return await _computed("predict", functools.partial(work, *args, **kwargs))


async def in_fitting_worker(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Compute something long (a fit, a population) likewise; predictions do not wait behind it."""
    return await _computed("fit", functools.partial(work, *args, **kwargs))


def blocking(verb: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The plain twin of an async verb; also works where an event loop runs already, as in a notebook."""

    @functools.wraps(verb)
    def plain(*args: P.args, **kwargs: P.kwargs) -> T:
        work = verb(*args, **kwargs)
        return background_loop.run(work) if background_loop.in_event_loop() else _run_here(work)

    return plain


def _run_here(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in this thread, without an event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise RuntimeError("this verb waits for something that needs an event loop")


async def _computed(kind: str, work: Callable[[], T]) -> T:
    if not background_loop.in_event_loop():
        return work()
    return await asyncio.wrap_future(_workers(kind, os.getpid()).submit(work))


class _Workers:
    """Threads that compute. They are daemons: an interrupted program does not wait for a fit that takes minutes."""

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
            if future.set_running_or_notify_cancel():  # else nobody waits any more
                try:
                    result = work()
                except BaseException as error:
                    future.set_exception(error)
                else:
                    future.set_result(result)
                    del result
            del future, work  # else the last result would live until the next job


@cache
def _workers(kind: str, process: int) -> _Workers:
    """For each process its own: a forked child has no threads of its parent."""
    return _Workers(kind)
