"""The answer cache for an event loop: SQLite runs in one thread, and waiting operations share one commit.

Another process that locks the file for seconds delays answers, but not the loop. An answer is on disk when `put`
returns.

    store = CacheThread(AnswerCache("answers.sqlite"))
    found = await store.look_up(key)                # a Completion; else Found, and the key is claimed
    await store.put(key, model, completion)
    await store.aclose()
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from personalrm.errors import StorageError
from personalrm.llm.cache import AnswerCache, Found
from personalrm.llm.cache_claims import BEAT_S
from personalrm.llm.endpoint import Completion

T = TypeVar("T")
MOST_AT_ONCE = 256
"""Maximum number of operations in one commit."""


@dataclass(slots=True)
class _Job:
    """An operation for the thread. ``read`` may find the result without a transaction; ``alone``: not shared."""

    work: Callable[[], Any]
    future: asyncio.Future[Any] | None
    alone: bool = False
    read: Callable[[], Any] | None = None
    result: Any = None
    error: BaseException | None = None


class CacheThread:
    """An `AnswerCache` whose work runs in a thread. Use it from one event loop.

    Args:
        cache: the cache; it must not be used elsewhere meanwhile.
    """

    def __init__(self, cache: AnswerCache) -> None:
        self.cache = cache
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def look_up(self, key: bytes, older: Callable[[], Iterable[bytes]] = tuple) -> Completion | Found:
        """See `AnswerCache.look_up`. Raises StorageError."""
        return await self._do(lambda: self.cache.look_up(key, older), read=lambda: self.cache.get(key))

    async def put(self, key: bytes, model: str, completion: Completion, *, replace: bool = False) -> None:
        """See `AnswerCache.put`. Raises StorageError; the answer may have been stored nevertheless."""
        await self._do(lambda: self.cache.put(key, model, completion, replace=replace))

    def give_back(self, key: bytes) -> None:
        """Release a claim later, without waiting."""
        self._submit(_Job(lambda: self.cache.give_back(key), None))

    async def has_room(self) -> bool:
        """See `AnswerCache.has_room`."""
        return await self._do(self.cache.has_room, alone=True)

    async def fact(self, name: str) -> Any | None:
        """See `AnswerCache.fact`. Raises StorageError."""
        return await self._do(lambda: self.cache.fact(name), alone=True)

    def keep_fact(self, name: str, value: Any) -> None:
        """Store a fact later, without waiting; errors are ignored, because facts can be determined again."""
        self._submit(_Job(lambda: self.cache.keep_fact(name, value), None))

    async def aclose(self) -> None:
        """Finish the queued operations, close the file and end the thread; the next use starts another one."""
        if self._thread is None:
            return
        closed = self._do(self.cache.close, alone=True)
        self._jobs.put(None)
        self._jobs, self._thread = queue.SimpleQueue(), None
        await closed

    def _do(
        self, work: Callable[[], T], *, alone: bool = False, read: Callable[[], Any] | None = None
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._submit(_Job(work, future, alone, read))
        return future

    def _submit(self, job: _Job) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=_serve, args=(self._jobs, self.cache), name="personalrm-cache", daemon=True
            )
            self._thread.start()
        self._jobs.put(job)


def _serve(jobs: queue.SimpleQueue[_Job | None], cache: AnswerCache) -> None:
    """The thread: takes all waiting operations, commits them together, notifies the loop once."""
    ends = False
    while not ends:
        try:
            batch = [jobs.get(timeout=BEAT_S if cache.claimed else None)]
        except queue.Empty:
            with contextlib.suppress(StorageError):
                cache.beat()
            continue
        with contextlib.suppress(queue.Empty):
            while len(batch) < MOST_AT_ONCE and batch[-1] is not None:
                batch.append(jobs.get_nowait())
        ends = batch[-1] is None
        work = [one for one in batch if one is not None]
        _do_all(cache, work)
        _tell(work)


def _do_all(cache: AnswerCache, batch: list[_Job]) -> None:
    cache.is_there()
    for one in batch:
        if one.read is not None:
            _do(one, one.read)
    together = [one for one in batch if not one.alone and one.result is None and one.error is None]
    if together:
        _do_together(cache, together)
    for one in batch:
        if one.alone:
            _do(one, one.work)


def _do_together(cache: AnswerCache, batch: list[_Job]) -> None:
    """One transaction, repeated if the file was deleted; if an operation fails, each one runs separately."""
    try:
        with cache.transaction():
            for one in batch:
                one.result = one.work()
    except Exception:
        for one in batch:
            _do(one, one.work)
        return
    if not cache.is_there():
        _do_together(cache, batch)


def _do(job: _Job, work: Callable[[], Any]) -> None:
    try:
        job.result, job.error = work(), None
    except Exception as error:  # passed to the waiting task
        job.error = error


def _tell(batch: list[_Job]) -> None:
    waiting = [one for one in batch if one.future is not None]
    if not waiting or waiting[0].future is None:
        return
    loop = waiting[0].future.get_loop()
    with contextlib.suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(_resolve, waiting)


def _resolve(batch: list[_Job]) -> None:
    for one in batch:
        if one.future is None or one.future.done():
            continue
        if one.error is not None:
            one.future.set_exception(one.error)
        else:
            one.future.set_result(one.result)
