"""One concurrency limit and one budget for a whole cluster, kept by a Ray actor that all workers call.

The actor uses the package's own `Scheduler` and `Budget`; a worker's scheduler and budget forward their calls to it. A
worker without a heartbeat for `LEASE_S` counts as dead: its slots and reservations are released. (A request it had sent
may still be billed, so it counts as a call.)
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from personalrm.errors import BudgetSpent, StorageError
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.llm.endpoint import Completion
from personalrm.llm.language_model import LanguageModel
from personalrm.llm.ledger import Budget, Prices
from personalrm.llm.scheduler import Scheduler

BEAT_S, LEASE_S = 5.0, 30.0
MOST_WAITING = 10_000
"""Concurrent calls of the actor: each request that waits for a slot is one."""
STOPPED = "the run was stopped"
GONE = (
    "the process with the limits and the budget of the cluster died; finished shards and all answers are kept: run the "
    "same command again to resume (the spending so far is no longer counted: lower --max-calls and --max-cost)"
)


class ClusterLimits:
    """The actor; all its methods run in one event loop.

    Args:
        concurrency, prices, max_calls, max_cost: as in `EndpointOptions`.
    """

    def __init__(self, concurrency: int, prices: Prices | None, max_calls: int | None, max_cost: float | None) -> None:
        self._scheduler, self._budget = Scheduler(concurrency), Budget(prices, max_calls, max_cost)
        self._seen: dict[str, float] = {}
        self._places: Counter[str] = Counter()
        self._reserved: dict[str, list[float]] = {}
        self._stopped = False

    async def acquire(self, worker: str, priority: int) -> None:
        """Wait for a slot."""
        self.beat_of(worker)
        waiting = asyncio.ensure_future(self._scheduler.acquire(priority, self._scheduler.turn()))
        while not (await asyncio.wait({waiting}, timeout=BEAT_S))[0]:
            self._sweep()
        waiting.result()
        if worker in self._seen:
            self._places[worker] += 1
        else:  # the worker died while it waited
            self._scheduler.release()

    async def release(self, worker: str) -> None:
        """Release a slot."""
        if self._places[worker]:  # otherwise it was released because the worker seemed dead
            self._places[worker] -= 1
            self._scheduler.release()

    async def succeeded(self, inflation: float, seconds: float) -> None:
        """See `Scheduler.succeeded`."""
        self._scheduler.succeeded(inflation, seconds)

    async def slow_down(self, retry_after: float, sent_before: float) -> None:
        """See `Scheduler.slow_down`; ``sent_before`` is the age of the request in seconds."""
        self._scheduler.slow_down(retry_after, asyncio.get_running_loop().time() - sent_before)

    async def start_slowly(self) -> None:
        """See `Scheduler.start_slowly`."""
        self._scheduler.start_slowly()

    async def reserve(self, worker: str, most: float) -> str | None:
        """Count a call; returns the reason if the budget forbids it, else None."""
        self.beat_of(worker)
        if self._stopped:
            return STOPPED
        try:
            self._budget.reserve(most)
        except BudgetSpent as spent:
            return str(spent)
        self._reserved.setdefault(worker, []).append(most)
        return None

    async def record(self, worker: str, paid: Completion, most: float) -> None:
        """Record the cost of an answer, without its text."""
        if self._unreserve(worker, most):
            self._budget.record(paid, most)

    async def failed(self, worker: str, most: float) -> None:
        """Record a call that ended without an answer."""
        if self._unreserve(worker, most):
            self._budget.failed(most)

    async def beat(self, worker: str) -> None:
        """Heartbeat of a worker."""
        self.beat_of(worker)

    async def stop(self) -> None:
        """Forbid further requests; workers complete and store those in flight."""
        self._stopped = True

    async def spent(self) -> tuple[int, float]:
        """Calls and dollars of the whole cluster."""
        return self._budget.calls, self._budget.cost

    def beat_of(self, worker: str) -> None:
        """Record a heartbeat and check for dead workers."""
        self._seen[worker] = time.monotonic()
        self._sweep()

    def _sweep(self) -> None:
        now = time.monotonic()
        for worker in [one for one, seen in self._seen.items() if now - seen > LEASE_S]:
            del self._seen[worker]
            for _ in range(self._places.pop(worker, 0)):
                self._scheduler.release()
            for most in self._reserved.pop(worker, []):
                self._budget.failed(most)

    def _unreserve(self, worker: str, most: float) -> bool:
        """Release a reservation; False if the worker seemed dead and its reservations were already released."""
        held = self._reserved.get(worker, [])
        if most in held:
            held.remove(most)
            return True
        return False


class SharedScheduler(Scheduler):
    """A worker's proxy of the cluster's scheduler.

    Args:
        concurrency: limit of the whole cluster.
        actor: handle of the `ClusterLimits`.
        worker: unique name of the worker.
    """

    def __init__(self, concurrency: int, actor: Any, worker: str) -> None:
        super().__init__(concurrency)
        self._actor, self._worker = actor, worker

    async def acquire(self, priority: int, turn: int) -> None:
        """Wait for a slot; a slot granted after the wait was cancelled is released."""
        place = asyncio.ensure_future(_awaited(self._actor.acquire.remote(self._worker, priority)))
        try:
            await asyncio.shield(place)
        except asyncio.CancelledError:
            place.add_done_callback(self._unwanted)
            raise

    def _unwanted(self, place: asyncio.Future[Any]) -> None:
        """Release a slot that was granted too late."""
        if not place.cancelled() and place.exception() is None:
            self.release()

    def release(self) -> None:
        """Release a slot."""
        self._actor.release.remote(self._worker)

    def succeeded(self, inflation: float = 1.0, seconds: float = 0.0) -> None:
        """See `Scheduler.succeeded`."""
        super().succeeded(inflation, seconds)
        self._actor.succeeded.remote(inflation, seconds)

    def slow_down(self, retry_after: float, sent_at: float) -> None:
        """See `Scheduler.slow_down`."""
        self._actor.slow_down.remote(retry_after, asyncio.get_running_loop().time() - sent_at)

    def start_slowly(self) -> None:
        """See `Scheduler.start_slowly`."""
        self._actor.start_slowly.remote()


class SharedBudget(Budget):
    """A worker's proxy of the cluster's budget; counts the worker's own spending as well."""

    def __init__(self, prices: Prices | None, actor: Any, worker: str) -> None:
        super().__init__(prices)
        self._actor, self._worker, self._is_booking = actor, worker, False

    def reserve(self, most: float = 0.0) -> None:
        """Block the event loop until the actor answers (1 ms): a request must be counted before it is sent."""
        import ray

        try:
            forbidden = ray.get(self._actor.reserve.remote(self._worker, most))
        except ray.exceptions.RayActorError:
            raise StorageError(GONE) from None
        if forbidden is not None:
            raise BudgetSpent(forbidden)
        super().reserve(most)

    def record(self, completion: Completion, most: float = 0.0) -> None:
        """Record an answer here and for the cluster."""
        self._is_booking = True
        try:
            super().record(completion, most)
        finally:
            self._is_booking = False
        self._actor.record.remote(self._worker, replace(completion, text="", tokens=None, thoughts=""), most)

    def failed(self, most: float = 0.0) -> None:
        """Record a call without an answer."""
        super().failed(most)
        if not self._is_booking:
            self._actor.failed.remote(self._worker, most)


def limited(model: str, settings: EndpointOptions, limits: str) -> LanguageModel:
    """A connection of this worker that uses the cluster's limits.

    Args:
        limits: the name returned by `start`.
    """
    import ray

    try:
        actor = ray.get_actor(limits)
    except ValueError:  # the actor no longer exists
        raise StorageError(GONE) from None
    worker = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
    threading.Thread(target=_beat, args=(actor, worker), name="personalrm-limits", daemon=True).start()
    scheduler = SharedScheduler(settings.concurrency, actor, worker)
    return connect(model, settings, scheduler, SharedBudget(settings.prices, actor, worker))


def start(ray: Any, settings: EndpointOptions) -> tuple[str, Any]:
    """Start the actor on the driver's machine, so that it does not depend on another one; returns name and handle."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    name = f"personalrm-limits-{os.getpid()}-{time.time_ns()}"
    options = {"name": name, "num_cpus": 0, "max_concurrency": MOST_WAITING, "scheduling_strategy": here}
    made = ray.remote(ClusterLimits).options(**options)
    return name, made.remote(settings.concurrency, settings.prices, settings.max_calls, settings.max_cost)


def _beat(actor: Any, worker: str) -> None:
    while True:
        actor.beat.remote(worker)
        time.sleep(BEAT_S)


async def _awaited(reference: Any) -> Any:
    from ray.exceptions import RayActorError

    try:
        return await reference
    except RayActorError:
        raise StorageError(GONE) from None
