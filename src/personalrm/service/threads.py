"""Thread pools for computing and for the database, so that neither blocks the event loop.

There are two pools, so that requests that wait for a busy database do not block requests that only compute. More
threads than cores would only add switches of the interpreter lock.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

PREDICTING, STORING = 8, 8


class Threads:
    """See the module's docstring."""

    def __init__(self) -> None:
        self._predicting = ThreadPoolExecutor(PREDICTING, thread_name_prefix="personalrm-serve")
        self._storing = ThreadPoolExecutor(STORING, thread_name_prefix="personalrm-store")

    async def predict(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a short computation."""
        return await self._run(self._predicting, functools.partial(work, *args, **kwargs))

    async def store(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a database operation."""
        return await self._run(self._storing, functools.partial(work, *args, **kwargs))

    def close(self) -> None:
        """Wait for running work."""
        self._predicting.shutdown()
        self._storing.shutdown()

    @staticmethod
    async def _run(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
