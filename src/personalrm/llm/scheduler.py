"""One bounded scheduler for a whole run: keeps the endpoint full, and yields when it says 429 or gets slower.

Every request takes a slot. Free slots go to the lowest priority number first, then first come first served: the stages
on which others wait (reasoning before persona before scoring) go first, so that the end of a run is made of work that
fills every slot. A request that is sent again keeps its turn.

A 429 lowers the limit to what the host is still serving, but a burst of 429s (answers to requests sent before the last
lowering) never to less than half: a host that serves 16 at once is found out in two bursts, and one that counts
requests a minute does not throw the limit down to one. Nothing is sent while the host asks us to wait. Every success
raises the limit by 1/limit, so that one round trip of a full endpoint regains one slot.

A host that never says 429 queues what it cannot serve, and answers take longer the more are sent. More than it serves
at once gains nothing, and loses much when the run is stopped or the host gives up. So the limit rises only while
answers come about as quickly as the quickest of their kind (`inflation` below `GROWS_BELOW`), and falls where they
take `SHRINKS_ABOVE` times as long and long enough to matter (TCP Vegas; Netflix's gradient limits). A slow host begins
with `SLOW_START` and is doubled while nothing waits, so that the first requests of a run do not fill its queue.

Only a few requests are sent in one round of the event loop, so that answers which arrive meanwhile are read and stored
first: what is on the wire when a program is killed has to be paid again.

    async with scheduler.slot(priority=0):
        ...
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from types import TracebackType

LEAST_LEFT = 0.5
AT_ONCE = 4
"""Sending costs 0.3 ms each; 64 at once would leave answers unread for 20 ms."""
SLOW_START = 4
GROWS_BELOW, SHRINKS_ABOVE = 2.0, 3.0
DOUBLES_BELOW = 1.4
MATTERS_S = 2.0
"""Seconds; the queue of a host that answers sooner harms nobody, and its latency varies for other reasons."""
SMOOTHED = 0.15
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 10.0
"""Where the host does not say how long to wait: doubled with every burst of refusals since the last success."""


class Scheduler:
    """Bounds the requests in flight. Belongs to one event loop.

    Args:
        concurrency: the most requests in flight.
    """

    def __init__(self, concurrency: int = 64) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, found {concurrency}")
        self.concurrency = concurrency
        self.last_success = float("-inf")
        self._limit = float(concurrency)
        self._busy = 0
        self._turns = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._held_until = 0.0
        self._release: asyncio.TimerHandle | None = None
        self._lowered_at = float("-inf")
        self._floor = 1.0
        self._bursts = 0
        self._given = 0
        self._doubles = False
        self._inflation = 1.0
        self._since_lowered = 0

    @property
    def limit(self) -> int:
        """Requests allowed in flight just now."""
        return max(1, int(self._limit))

    @property
    def busy(self) -> int:
        """Requests in flight."""
        return self._busy

    def turn(self) -> int:
        """A place in the order of arrival."""
        return next(self._turns)

    def slot(self, priority: int = 0, turn: int | None = None) -> _Slot:
        """Wait for a place, hold it for the length of the block; ``turn`` is that of an earlier try."""
        return _Slot(self, priority, self.turn() if turn is None else turn)

    def start_slowly(self) -> None:
        """The host takes long, and nobody knows how many it serves at once: begin with few, double while none waits."""
        if self.last_success == float("-inf") and not self._doubles:
            self._doubles = True
            self._limit = min(self._limit, float(SLOW_START))

    def succeeded(self, inflation: float = 1.0, seconds: float = 0.0) -> None:
        """A request went well: allow a little more, unless answers take the longer the more are sent.

        Args:
            inflation: the request's time against the quickest of its kind.
            seconds: its time.
        """
        self.last_success = asyncio.get_running_loop().time()
        self._bursts = 0
        self._inflation += SMOOTHED * (inflation - self._inflation)
        self._since_lowered += 1
        waits = seconds > MATTERS_S
        if self._doubles and inflation < DOUBLES_BELOW:
            self._limit = min(float(self.concurrency), self._limit + 1.0)
        elif not waits or self._inflation < GROWS_BELOW:
            self._limit = min(float(self.concurrency), self._limit + 1.0 / self._limit)
        elif self._inflation > SHRINKS_ABOVE and self._since_lowered >= self._limit:
            self._limit = max(1.0, self._limit * 0.8)
            self._since_lowered = 0
        self._doubles = self._doubles and inflation < GROWS_BELOW

    def slow_down(self, retry_after: float, sent_at: float) -> None:
        """A request sent at this time (of the loop's clock) was refused: allow less, and send nothing for a while.

        Args:
            retry_after: seconds the host asks us to wait; 0 if it does not say.
            sent_at: when the refused request was sent. Call it while the request still holds its slot.
        """
        loop = asyncio.get_running_loop()
        if sent_at > self._lowered_at:
            self._floor = max(1.0, self._limit * LEAST_LEFT)
            self._bursts += 1
        self._limit = max(self._floor, min(self._limit, self._busy - 1.0))
        self._lowered_at = loop.time()
        self._hold(retry_after or min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._bursts - 1, 16)))

    def _hold(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if until > self._held_until:
            self._held_until = until
            if self._release is not None:
                self._release.cancel()
            self._release = loop.call_at(until, self._let_go)

    def _let_go(self) -> None:
        self._release = None
        self._wake()

    async def acquire(self, priority: int, turn: int) -> None:
        """Wait for a place; give it back with `release`."""
        if self._busy < self.limit and not self._waiting and self._release is None and self._given < AT_ONCE:
            self._give()
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, turn, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # woken and cancelled at once: pass the place on
                self.release()
            raise

    def release(self) -> None:
        """Give a place back."""
        self._busy -= 1
        self._wake()

    def _wake(self) -> None:
        if self._release is not None:
            return
        while self._waiting and self._given < AT_ONCE and (self._busy < self.limit or self._waiting[0][2].done()):
            place = heapq.heappop(self._waiting)[2]
            if not place.done():
                self._give()
                place.set_result(None)

    def _give(self) -> None:
        self._busy += 1
        self._given += 1
        if self._given == 1:
            asyncio.get_running_loop().call_soon(self._next_round)

    def _next_round(self) -> None:
        self._given = 0
        self._wake()


class _Slot:
    """A place among the requests in flight; an object of its own because a generator costs three times as much."""

    __slots__ = ("_priority", "_scheduler", "_turn")

    def __init__(self, scheduler: Scheduler, priority: int, turn: int) -> None:
        self._scheduler, self._priority, self._turn = scheduler, priority, turn

    async def __aenter__(self) -> None:
        await self._scheduler.acquire(self._priority, self._turn)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.release()
