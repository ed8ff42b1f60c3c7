"""The answer cache for an event loop: SQLite runs in one thread, and waiting lookups or answers share one statement.

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
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from personalrm.errors import StorageError, StoreBusy
from personalrm.llm.cache import AnswerCache, Found
from personalrm.llm.cache_claims import BEAT_S
from personalrm.llm.endpoint import Completion

T = TypeVar("T")
_Wanted = tuple[bytes, Callable[[], Iterable[bytes]]]
_Answer = tuple[bytes, str, Completion]
MOST_AT_ONCE = 128
"""Maximum number of operations in one statement."""
WAIT_S = 0.004
"""Seconds after a wake-up of the thread in which an answer waits for others, if others are expected. A wake-up takes
0.1 ms of CPU, whatever it brings; but the answer's slot at the host is idle meanwhile, and a kill loses the answer (10
ms left 2 % of the slots idle). Lookups do not wait, and take waiting answers with them."""
IDLE_S = 0.05
"""Seconds without work after which the claims of stored answers are released."""


@dataclass(slots=True)
class _Job:
    """An operation for the thread, and its result or error. ``wanted``: a lookup; ``answer``: to be stored."""

    future: asyncio.Future[Any] | None
    work: Callable[[], Any] | None = None
    wanted: _Wanted | None = None
    answer: _Answer | None = None
    result: Any = None
    error: BaseException | None = None


class CacheThread:
    """An `AnswerCache` whose work runs in a thread. Use it from one event loop.

    Args:
        cache: the cache; it must not be used elsewhere meanwhile.
    """

    def __init__(self, cache: AnswerCache) -> None:
        self.cache = cache
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting: list[_Job] = []
        self._submitted = float("-inf")
        self._soon = False

    def look_up(self, key: bytes, older: Callable[[], Iterable[bytes]] = tuple) -> asyncio.Future[Completion | Found]:
        """See `AnswerCache.look_up`. StorageError when awaited."""
        return self._do(_Job(asyncio.get_running_loop().create_future(), wanted=(key, older)))

    def put(
        self, key: bytes, model: str, completion: Completion, *, replace: bool = False, others_expected: bool = False
    ) -> asyncio.Future[None]:
        """See `AnswerCache.put`. StorageError when awaited; the answer may have been stored nevertheless.

        Args:
            key, model, completion, replace: as for `AnswerCache.put`.
            others_expected: the answer may wait up to `WAIT_S` for others, to be stored with them.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if replace:
            return self._do(_Job(future, lambda: self.cache.put(key, model, completion, replace=True)))
        return self._do(_Job(future, answer=(key, model, completion)), WAIT_S if others_expected else 0.0)

    def release_claim(self, key: bytes) -> None:
        """Release a claim later, without waiting."""
        self._later(lambda: self.cache.release_claim(key))

    async def has_room(self) -> bool:
        """See `AnswerCache.has_room`."""
        return await self._call(self.cache.has_room)

    async def fact(self, name: str) -> Any | None:
        """See `AnswerCache.fact`. Raises StorageError."""
        return await self._call(lambda: self.cache.fact(name))

    def keep_fact(self, name: str, value: Any) -> None:
        """Store a fact later, without waiting; errors are ignored, because facts can be determined again."""
        self._later(lambda: self.cache.keep_fact(name, value))

    async def aclose(self) -> None:
        """Finish the queued operations, close the file and end the thread; the next use starts another one."""
        if self._thread is None:
            return
        closed = self._call(self.cache.close)
        self._submit()
        self._jobs.put(None)
        self._jobs, self._thread = queue.SimpleQueue(), None
        await closed

    def _call(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return self._do(_Job(asyncio.get_running_loop().create_future(), work))

    def _do(self, job: _Job, wait_s: float = 0.0) -> asyncio.Future[Any]:
        assert job.future is not None
        early = self._submitted + wait_s - time.monotonic() if wait_s else 0.0
        if early <= 0.0:
            if not self._soon:
                self._soon = True
                job.future.get_loop().call_soon(self._submit)  # with all other operations of this iteration
        elif not self._waiting:
            job.future.get_loop().call_later(early, self._submit)
        self._waiting.append(job)
        return job.future

    def _later(self, work: Callable[[], Any]) -> None:
        self._waiting.append(_Job(None, work))
        self._submit()

    def _submit(self) -> None:
        self._soon = False
        if not self._waiting:
            return
        self._submitted = time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(
                target=_serve, args=(self._jobs, self.cache), name="personalrm-cache", daemon=True
            )
            self._thread.start()
        self._jobs.put(self._waiting)
        self._waiting = []


def _serve(jobs: queue.SimpleQueue[list[_Job] | None], cache: AnswerCache) -> None:
    """The thread: takes all waiting operations, does them together, notifies the loop once."""
    ends, beaten = False, time.monotonic()
    while not ends:
        work, ends = _next_batch(jobs, IDLE_S if cache.unreleased else BEAT_S if cache.claimed else None)
        for at in range(0, len(work), MOST_AT_ONCE):
            _do_all(cache, batch := work[at : at + MOST_AT_ONCE])
            _tell(batch)
        if not work and cache.unreleased:
            with contextlib.suppress(StorageError):
                cache.release()
        if cache.claimed and time.monotonic() - beaten >= BEAT_S:
            beaten = time.monotonic()
            with contextlib.suppress(StorageError):
                cache.beat()


def _next_batch(jobs: queue.SimpleQueue[list[_Job] | None], wait_s: float | None) -> tuple[list[_Job], bool]:
    """All waiting operations, after the wait at most, and whether they are the last ones."""
    work: list[_Job] = []
    with contextlib.suppress(queue.Empty):
        some = jobs.get(timeout=wait_s)
        while some is not None:
            work += some
            some = jobs.get_nowait()
        return work, True
    return work, False


def _do_all(cache: AnswerCache, batch: list[_Job]) -> None:
    """Do them, again if the file was deleted meanwhile; one by one if they differ in kind or one of them fails."""
    while True:
        try:
            together = not any(one.work for one in batch) and _do_together(cache, batch)
        except Exception as error:  # of one operation; that of a single lookup is final: a repetition would hide it
            together = len(batch) == 1 and batch[0].wanted is not None
            batch[0].error = error
        if not together:
            _do_each(cache, batch)
        if cache.is_there():
            return


def _do_each(cache: AnswerCache, batch: list[_Job]) -> None:
    """One by one; after one has waited in vain for another process, the others do not wait as long again."""
    busy: StoreBusy | None = None
    for one in batch:
        if busy is None:
            _do(cache, one)
            busy = one.error if isinstance(one.error, StoreBusy) else None
        else:
            one.error = busy


def _do_together(cache: AnswerCache, batch: list[_Job]) -> bool:
    answers = [one.answer for one in batch if one.answer is not None]
    if answers:
        cache.put_all(answers)
    if len(answers) < len(batch):
        lookups = [one for one in batch if one.wanted is not None]
        found = cache.look_up_all([one.wanted for one in lookups if one.wanted is not None])
        for one, result in zip(lookups, found, strict=True):
            one.result = result
    for one in batch:
        one.error = None
    return True


def _do(cache: AnswerCache, job: _Job) -> None:
    try:
        if job.wanted is not None:
            job.result = cache.look_up(*job.wanted)
        elif job.answer is not None:
            cache.put(*job.answer)
        elif job.work is not None:
            job.result = job.work()
        job.error = None
    except Exception as error:  # passed to the waiting task
        job.error = error


def _tell(batch: list[_Job]) -> None:
    future = next((one.future for one in batch if one.future is not None), None)
    if future is not None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            future.get_loop().call_soon_threadsafe(_resolve, batch)


def _resolve(batch: list[_Job]) -> None:
    for one in batch:
        if one.future is None or one.future.done():
            continue
        if one.error is not None:
            one.future.set_exception(one.error)
        else:
            one.future.set_result(one.result)
