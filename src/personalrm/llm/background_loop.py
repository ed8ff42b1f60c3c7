"""One event loop in a thread of its own: how the same code serves plain calls, `await`, and a notebook's running loop.

Connections, the scheduler and the cache belong to this loop, so they survive from one call to the next whoever calls.

    portal.run(work())           # from plain code, also inside a notebook cell
    await portal.join(work())    # from the caller's own loop

Ctrl-C cancels the work and is raised again at once. Requests that are on their way by then are paid for: they are
finished and kept while the program goes on, and at its exit, where a second Ctrl-C gives them up.
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
"""How long the end of the program waits for requests on their way, unless `exit_within` says otherwise."""

Closer = Callable[[], Coroutine[Any, Any, None]]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end and return the result; Ctrl-C cancels the work, lets it tidy up, and is raised again."""
    portal = _portal()
    if threading.current_thread() is portal.thread:
        work.close()
        raise PersonalrmError("this call would wait for itself: inside personalrm's own work await the async twin")
    future = portal.submit(work)
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        wait([portal.submit(_ended(work))], timeout=TIDY_UP_S)
        raise


def plain(verb: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The plain twin of a coroutine that needs an event loop all the time (others: `models.worker.blocking`)."""

    @functools.wraps(verb)
    def twin(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(verb(*args, **kwargs))

    return twin


async def join(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end without blocking the caller's loop; cancelling the caller cancels the work.

    Where no loop runs (see `models.worker`), it blocks as `run` does.
    """
    if not in_event_loop():
        return run(work)
    portal = _portal()
    if threading.current_thread() is portal.thread:
        return await work
    return await asyncio.wrap_future(portal.submit(work))


def in_event_loop() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def close_after(owner: object, closer: Closer) -> None:
    """Run ``closer`` in the loop when nobody holds ``owner`` any more, at the latest when the program ends."""
    _portal().close_after(owner, closer)


def exit_within(seconds: float) -> None:
    """Wait no longer than this for requests on their way when the program ends; may be called by a signal's handler."""
    global _exit_s
    _exit_s = seconds


async def _ended(work: Coroutine[Any, Any, Any]) -> None:
    """Wait until cancelled work has tidied up."""
    tasks = [task for task in asyncio.all_tasks() if task.get_coro() is work]
    if tasks:
        await asyncio.wait(tasks, timeout=TIDY_UP_S)


class _Portal:
    """The loop, its thread, and what is to be closed at the end."""

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
        """May run in any thread, in the midst of anything: does not wait."""
        if self._is_here() and not self._loop.is_closed():
            future = self.submit(closer())
            self._closing.add(future)
            future.add_done_callback(self._closing.discard)

    def _end(self) -> None:
        """Finish what is on its way, close what is open, stop the loop."""
        if not self._is_here():
            return
        with contextlib.suppress(KeyboardInterrupt, TimeoutError):
            for one in self._closers:
                found = one.detach()  # calling it does nothing any more once weakref's own exit function has run
                if found is not None:
                    self._close(*found[2])
            wait(set(self._closing), timeout=EXIT_S if _exit_s is None else _exit_s)
            self.submit(_stop_everything()).exception(TIDY_UP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.thread.join(TIDY_UP_S)
        if not self.thread.is_alive():
            self._loop.close()

    def _is_here(self) -> bool:
        """False in a forked child, where the loop has no thread: nothing that is handed to it would ever be done."""
        return os.getpid() == self._process


async def _stop_everything() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=TIDY_UP_S) if tasks else None
    await asyncio.sleep(0.01)  # transports that are closed say so in the next rounds of the loop


def _portal() -> _Portal:
    with _starting:  # two threads that come first together must get the same one
        return _the_portal(os.getpid())


@cache
def _the_portal(process: int) -> _Portal:
    """One for each process: a forked child has no such thread and starts its own."""
    return _Portal()


_exit_s: float | None = None
_starting = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_starting.acquire, after_in_parent=_starting.release, after_in_child=_starting.release)
