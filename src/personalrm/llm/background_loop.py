"""One event loop in its own thread, which serves plain calls, `await`, and notebooks with a running loop.

Connections, the scheduler and the cache belong to this loop, so they persist between calls from any thread.

    background_loop.run(work())           # from plain code, also inside a notebook cell
    await background_loop.join(work())    # from the caller's own loop

Ctrl-C cancels the work and is re-raised at once. Requests already sent are paid for: they are completed and cached
while the program runs, and at its exit, where a second Ctrl-C abandons them.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from functools import cache
from typing import Any, ParamSpec, TypeVar

from personalrm.errors import PersonalrmError

P = ParamSpec("P")
T = TypeVar("T")
THREAD = "personalrm"
TIDY_UP_S = 5.0
EXIT_S = 60.0
"""Seconds that the exit of the program waits for requests in flight; `exit_within` changes it."""

Closer = Callable[[], Coroutine[Any, Any, None]]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the work to completion and return its result; Ctrl-C cancels it, lets it clean up, and is re-raised."""
    background = _background()
    if threading.current_thread() is background.thread:
        work.close()
        raise PersonalrmError("this call would wait for itself: inside personalrm's own work await the async twin")
    future = background.submit(work)
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        wait([background.submit(_ended(work))], timeout=TIDY_UP_S)
        raise


def plain(verb: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The plain twin of a coroutine that needs an event loop all the time (others: `models.worker.blocking`)."""

    @functools.wraps(verb)
    def twin(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(verb(*args, **kwargs))

    return twin


async def join(work: Coroutine[Any, Any, T]) -> T:
    """Run the work without blocking the caller's loop and return its result; cancelling the caller cancels the work.

    Without a running loop (see `models.worker`), it blocks like `run`.
    """
    if not in_event_loop():
        return run(work)
    background = _background()
    if threading.current_thread() is background.thread:
        return await work
    return await asyncio.wrap_future(background.submit(work))


def in_event_loop() -> bool:
    """Return whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def close_after(owner: object, closer: Closer) -> None:
    """Run ``closer`` in the loop once ``owner`` is unreferenced, at the latest at exit."""
    _background().close_after(owner, closer)


def exit_within(seconds: float) -> None:
    """Limit the wait at exit for requests in flight to ``seconds``; may be called from a signal handler."""
    global _exit_s
    _exit_s = seconds


async def _ended(work: Coroutine[Any, Any, Any]) -> None:
    """Wait until cancelled work has cleaned up."""
    tasks = [task for task in asyncio.all_tasks() if task.get_coro() is work]
    if tasks:
        await asyncio.wait(tasks, timeout=TIDY_UP_S)


class _LoopThread:
    """The loop, its thread, and the closers to run at exit."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._loop.run_forever, name=THREAD, daemon=True)
        self.thread.start()
        self._closers: list[weakref.finalize[..., Any]] = []
        self._closing: set[Future[None]] = set()
        atexit.register(self._end)

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close_after(self, owner: object, closer: Closer) -> None:
        self._closers = [one for one in self._closers if one.alive]
        finalizer = weakref.finalize(owner, self._close, closer)
        finalizer.atexit = False  # `_end` does it, before the loop stops
        self._closers.append(finalizer)

    def _close(self, closer: Closer) -> None:
        """Schedule a closer without waiting; may run in any thread at any time."""
        if self._is_here() and not self._loop.is_closed():
            future = self.submit(closer())
            self._closing.add(future)
            future.add_done_callback(self._closing.discard)

    def _end(self) -> None:
        """Complete the requests in flight, run the closers, stop the loop."""
        if not self._is_here():
            return
        with contextlib.suppress(KeyboardInterrupt, TimeoutError):
            for one in self._closers:
                found = one.detach()  # a finalizer cannot be called after weakref's own exit function has run
                if found is not None:
                    self._close(*found[2])
            wait(set(self._closing), timeout=EXIT_S if _exit_s is None else _exit_s)
            self.submit(_stop_everything()).exception(TIDY_UP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.thread.join(TIDY_UP_S)
        if not self.thread.is_alive():
            self._loop.close()

    def _is_here(self) -> bool:
        """False in a forked child, whose loop has no thread and would never run submitted work."""
        return os.getpid() == self._process


async def _stop_everything() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=TIDY_UP_S) if tasks else None
    await asyncio.sleep(0.01)  # closed transports call back in the next iterations of the loop


def _background() -> _LoopThread:
    with _starting:  # two threads that start together must get the same loop
        return _loop_of_process(os.getpid())


@cache
def _loop_of_process(process: int) -> _LoopThread:
    """The loop of this process; a forked child starts its own."""
    return _LoopThread()


_exit_s: float | None = None
_starting = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_starting.release)
