"""One bounded scheduler per run: keeps the endpoint busy, and backs off after a 429 or when latency rises.

Every request takes a slot. Free slots go to the lowest priority number, then to the earliest arrival: stages on which
others depend (reasoning before persona before scoring) go first, so that the remaining work at the end of a run can
fill every slot. A repeated request keeps its turn.

A 429 lowers the limit to the requests that the host still serves, but a burst of 429s (answers to requests sent before
the last reduction) at most halves it: a host that serves 16 at once is found in two bursts, and a host with a limit per
minute does not reduce the limit to one. Nothing is sent while the host asks for a pause. Every success raises the limit
by 1/limit, so that one round trip of a full endpoint adds one slot.

A host that never answers 429 queues excess requests, and latency rises with the number sent. Sending more than it
serves gains nothing, and loses work when the run is stopped. So the limit rises only while answers take about as long
as the fastest comparable one (`inflation` below `GROWS_BELOW`), and falls if they take `SHRINKS_ABOVE` times as long
and long enough to matter (TCP Vegas; Netflix's gradient limits). A slow host starts with `SLOW_START` requests, doubled
while none waits, so that the first requests of a run do not fill its queue.

Only a few requests are sent per iteration of the event loop, so that answers which arrive meanwhile are read and stored
first: requests in flight when a program is killed have to be paid for again.

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
"""Requests per loop iteration. Sending takes 0.3 ms each; 64 at once would delay answers by 20 ms."""
SLOW_START = 4
GROWS_BELOW, SHRINKS_ABOVE = 2.0, 3.0
DOUBLES_BELOW = 1.4
MATTERS_S = 2.0
"""Minimum latency in seconds at which queueing matters; below it, latency varies for other reasons."""
SMOOTHED = 0.15
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 10.0
"""Pauses if the host states none; doubled with every burst of refusals since the last success."""


class Scheduler:
    """Bounds the requests in flight. Belongs to one event loop.

    Args:
        concurrency: maximum requests in flight.
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
        """Requests currently allowed in flight."""
        return max(1, int(self._limit))

    @property
    def busy(self) -> int:
        """Requests in flight."""
        return self._busy

    def turn(self) -> int:
        """Return a position in the order of arrival."""
        return next(self._turns)

    def slot(self, priority: int = 0, turn: int | None = None) -> _Slot:
        """Return a context manager that waits for a slot and holds it; ``turn`` is that of an earlier attempt."""
        return _Slot(self, priority, self.turn() if turn is None else turn)

    def start_slowly(self) -> None:
        """Start with few requests and double while none waits, for a slow host of unknown concurrency."""
        if self.last_success == float("-inf") and not self._doubles:
            self._doubles = True
            self._limit = min(self._limit, float(SLOW_START))

    def succeeded(self, inflation: float = 1.0, seconds: float = 0.0) -> None:
        """Raise the limit after a success, unless latency grows with the number of requests.

        Args:
            inflation: the request's time relative to the fastest comparable one.
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
        """Lower the limit and pause after a refused request.

        Args:
            retry_after: pause in seconds that the host asks for; 0 if unknown.
            sent_at: loop time at which the refused request was sent. Call it while the request still holds its slot.
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
        """Wait for a slot; give it back with `release`."""
        if self._busy < self.limit and not self._waiting and self._release is None and self._given < AT_ONCE:
            self._give()
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, turn, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # woken and cancelled at the same time: pass the slot on
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back."""
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
    """A slot as a context manager; a class, because a generator takes three times as long."""

    __slots__ = ("_priority", "_scheduler", "_turn")

    def __init__(self, scheduler: Scheduler, priority: int, turn: int) -> None:
        self._scheduler, self._priority, self._turn = scheduler, priority, turn

    async def __aenter__(self) -> None:
        await self._scheduler.acquire(self._priority, self._turn)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scheduler.release()
