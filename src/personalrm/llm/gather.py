"""Concurrent work; the first error cancels the other work and is raised unchanged, not in an exception group."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar, cast

from personalrm.renamed import renamed

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


ROUND = 256
END = object()


async def gather(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return all results, in order.

    Work is started a few hundred items at a time and stops after an error, so that an iterable of a million items that
    fails at once costs nothing.
    """
    waiting, tasks = iter(work), list[asyncio.Task[T]]()
    started = list(itertools.islice(waiting, ROUND))
    if len(started) == 1:
        return [await started[0]]  # without a task
    try:
        async with asyncio.TaskGroup() as group:
            while started:
                tasks.extend(group.create_task(one) for one in started)
                if len(started) < ROUND:
                    break  # without another turn of the event loop
                await asyncio.sleep(0)
                started = list(itertools.islice(waiting, ROUND))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def gather_pair(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Return two results of different types."""
    results: list[Any] = await gather([one, other])
    return results[0], results[1]


async def bounded_map(
    work: Callable[[T], Coroutine[Any, Any, A]], items: Iterable[T] | AsyncIterator[T], at_once: int
) -> AsyncIterator[A]:
    """Yield results as they complete, with at most ``at_once`` items in progress; an item is taken only when it can
    start.

    Memory does not grow with the number of items. The first error stops the rest and is raised unchanged.
    """
    waiting: AsyncIterator[T] = items if isinstance(items, AsyncIterator) else _each(items)
    tasks: set[asyncio.Task[A]] = set()
    try:
        while True:
            while len(tasks) < at_once and (item := await anext(waiting, END)) is not END:
                tasks.add(asyncio.create_task(work(cast(T, item))))
            if not tasks:
                return
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                tasks.remove(task)
                yield task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(waiting, AsyncGenerator):
            await waiting.aclose()


async def look_ahead(items: AsyncIterator[T], begin: Callable[[T], object], ahead: int) -> AsyncIterator[T]:
    """Yield the items in order, and call ``begin`` with each of them ``ahead`` items earlier."""
    begun: deque[T] = deque()
    async for item in items:
        begin(item)
        begun.append(item)
        if len(begun) > ahead:
            yield begun.popleft()
    for item in begun:
        yield item


async def _each(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item


class SharedWork(Generic[T]):
    """Work that several tasks wait for. It is cancelled when the last of them is cancelled."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._loop, self._waiting = asyncio.get_running_loop(), 0
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(retrieve_exception)

    @property
    def is_usable(self) -> bool:
        """Whether it succeeded, or is in progress in this loop; otherwise a new attempt is needed."""
        if self._task.done():
            return not self._task.cancelled() and self._task.exception() is None
        return self._loop is asyncio.get_running_loop() and not self._task.cancelling()

    async def result(self) -> T:
        """Return the result of the work, or raise its error."""
        if self._task.done():
            return self._task.result()
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._waiting == 1:
                self._task.cancel()
            raise
        finally:
            self._waiting -= 1


def retrieve_exception(done: asyncio.Task[Any]) -> None:
    """Retrieve the exception of a task without waiters, so that asyncio does not report it."""
    if not done.cancelled():
        done.exception()


__getattr__ = renamed(__name__, {"both": "gather_pair", "stream": "bounded_map", "together": "gather"})
