"""The cluster's scheduler and budget, as the actor holds them: without Ray."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from odd_hosts import dead_port

from personalrm.cluster import limits
from personalrm.cluster.limits import ClusterLimits, SharedBudget, SharedScheduler
from personalrm.errors import StorageError
from personalrm.llm.endpoint import Completion
from personalrm.llm.ledger import Prices


async def test_places_are_bounded_over_all_workers_and_given_on() -> None:
    shared = ClusterLimits(2, None, None, None)
    await shared.acquire("a", 0)
    await shared.acquire("b", 0)
    third = asyncio.ensure_future(shared.acquire("a", 0))
    await asyncio.sleep(0.01)
    assert not third.done()
    await shared.release("b")
    await asyncio.wait_for(third, 60)
    await shared.release("b")  # it holds none any more: nobody's place is freed
    fourth = asyncio.ensure_future(shared.acquire("b", 0))
    await asyncio.sleep(0.01)
    assert not fourth.done()
    fourth.cancel()
    await asyncio.gather(fourth, return_exceptions=True)


async def test_one_budget_counts_every_workers_calls() -> None:
    shared = ClusterLimits(8, Prices(1.0, 1.0), 3, None)
    assert [await shared.reserve(one, 0.5) for one in ("a", "b", "a")] == [None, None, None]
    assert "--max-calls" in str(await shared.reserve("b", 0.5))
    await shared.record("a", Completion("", cost=0.25), 0.5)
    await shared.failed("b", 0.5)
    await shared.failed("b", 0.5)  # told twice: booked once
    assert await shared.spent() == (3, 0.25)
    await shared.stop()
    assert await shared.reserve("a", 0.5) == limits.STOPPED


async def test_what_a_dead_worker_held_is_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LEASE_S", 0.05)
    monkeypatch.setattr(limits, "BEAT_S", 0.02)
    shared = ClusterLimits(1, Prices(1.0, 1.0), None, 1.0)
    await shared.acquire("dead", 0)
    assert await shared.reserve("dead", 5.0) is None
    waiting = asyncio.ensure_future(shared.acquire("alive", 0))
    async with asyncio.timeout(60):
        while not waiting.done():
            await shared.beat("alive")
            await asyncio.sleep(0.01)
    assert await shared.reserve("alive", 0.5) is None


class DeadActor:
    """A handle of an actor whose process has died: what it was asked ends in Ray's error."""

    def __getattr__(self, name: str) -> Any:
        return self

    def remote(self, *_: Any) -> Any:
        from ray.exceptions import RayActorError

        answer = asyncio.get_running_loop().create_future()
        answer.set_exception(RayActorError())
        return answer


async def test_a_dead_actor_is_one_sentence_for_the_budget_and_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray", reason="Ray is not installed (extra cluster)")
    monkeypatch.setattr(ray, "get", lambda answer: answer.result())
    with pytest.raises(StorageError, match="--max-calls"):
        SharedBudget(None, DeadActor(), "a").reserve()
    with pytest.raises(StorageError, match="--max-calls"):
        await SharedScheduler(4, DeadActor(), "a").acquire(0, 0)


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "127.0.0.1:99999"])
def test_an_address_where_nothing_listens_is_one_sentence_at_once(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Ray itself would be tried for a minute and a half: it is not asked."""
    from personalrm.cluster import on_ray

    class NeverAsked:
        def is_initialized(self) -> bool:
            return False

    monkeypatch.setattr(on_ray, "_imported", NeverAsked)
    with dead_port() as port, pytest.raises(StorageError, match="--address"):
        on_ray.OnRay(address.format(port))
