"""Comparisons that arrive together are computed together in one thread.

    comparer = Comparer(predictors, slowly)
    opened, verdict = await comparer.compare(space, "ada", turns, a, b)

Under load many requests wait at the same time. One thread takes all of them and extracts their features together
(two thirds of the time); it wakes up once for the batch, and does not compete with other threads for the interpreter
lock, which costs a third of the throughput with two threads. A single request is not delayed.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from personalrm.models.traits import TraitsModel
from personalrm.models.traits.crowd import compare_people
from personalrm.preferences import Message, Verdict
from personalrm.service.freshening import is_young
from personalrm.service.predictors import Opened, Predictors
from personalrm.store.store import SpaceStore

CROWD = 8
"""With this many comparisons waiting, none of them waits until choices of the last tenths of a second are learned."""
MOST = 64
"""Maximum comparisons computed together: 60 ms."""
Result = tuple[Opened, Verdict]
Slowly = Callable[[SpaceStore, str, str, Sequence[Any]], Awaitable[tuple[Opened, Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    space: SpaceStore
    user: str
    turns: Sequence[Message]
    a: str
    b: str
    answer: asyncio.Future[Result | None]


class Comparer:
    """See the module's docstring. Bound to the event loop of its first call.

    Args:
        predictors: the predictors of people.
        slowly: compares for a person whose profile must be updated first, or does not use the embedded engine.
    """

    def __init__(self, predictors: Predictors, slowly: Slowly) -> None:
        self._predictors, self._slowly = predictors, slowly
        self._waiting: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="personalrm-compare", daemon=True)

    async def compare(self, space: SpaceStore, user: str, turns: Sequence[Message], a: str, b: str) -> Result:
        """The person's verdict, and the predictor that gave it."""
        if not self._thread.is_alive():
            self._thread.start()
        answer: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        self._waiting.put(_Asked(space, user, turns, a, b, answer))
        found = await answer
        if found is not None:
            return found
        opened, verdict = await self._slowly(space, user, "compare", (turns, a, b))
        return opened, verdict

    def close(self) -> None:
        """Stop the thread."""
        self._waiting.put(None)

    def _work(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < MOST:
                try:
                    batch.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            asked = [one for one in batch if one is not None]
            if asked:
                found = [*zip(asked, self._answers(asked), strict=True)]
                asked[0].answer.get_loop().call_soon_threadsafe(_tell, found)
            if len(asked) < len(batch):
                return

    def _answers(self, asked: Sequence[_Asked]) -> list[Result | BaseException | None]:
        """One result each: the verdict, an error, or None if the request needs the slow path."""
        is_crowded = len(asked) >= CROWD
        opened = [self._opened(one, is_crowded) for one in asked]
        here = [at for at, one in enumerate(opened) if isinstance(one, Opened)]
        found: list[Any] = list(opened)
        try:
            models: list[TraitsModel] = [opened[at].predictor.model for at in here]  # type: ignore[union-attr]
            verdicts = compare_people(models, [(asked[at].turns, asked[at].a, asked[at].b) for at in here])
        except Exception as error:
            return [error if at in set(here) else one for at, one in enumerate(found)]
        for at, verdict in zip(here, verdicts, strict=True):
            found[at] = (found[at], verdict)
        return found

    def _opened(self, one: _Asked, is_crowded: bool) -> Opened | BaseException | None:
        try:
            person = one.space.people.require(one.user)
            if person.active_version is None or (person.is_stale and not (is_crowded and is_young(person))):
                return None
            opened = self._predictors.of(one.space, person)
        except Exception as error:
            return error
        return opened if opened.is_embedded and opened.computes_here else None


def _tell(found: Sequence[tuple[_Asked, Result | BaseException | None]]) -> None:
    for one, result in found:
        if one.answer.done():
            continue  # the request was cancelled
        if isinstance(result, BaseException):
            one.answer.set_exception(result)
        else:
            one.answer.set_result(result)
