"""Cache, budget and sharing together, against a real server and a real file."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from facts import naming
from odd_hosts import ASK, SHORT, OddHost, answer, error, question, until

from personalrm.errors import BudgetSpent, DataError, EndpointRefused
from personalrm.llm import background_loop
from personalrm.llm.cache import AnswerCache
from personalrm.llm.connect import EndpointOptions, connect, shared
from personalrm.llm.endpoint import Completion, SamplingParams
from personalrm.llm.language_model import LanguageModel, UsageMeter
from personalrm.llm.ledger import Budget, Prices
from personalrm.llm.simulated import SimulatedLLM
from personalrm.preferences import Message


@pytest.fixture
async def slow_llm() -> AsyncIterator[SimulatedLLM]:
    async with SimulatedLLM(latency=0.1) as server:
        yield server


def open_at(server: SimulatedLLM | OddHost, path: Path, **settings: Any) -> LanguageModel:
    return connect("m", EndpointOptions(base_url=server.url, cache=path / "answers.sqlite", **settings))


async def test_what_was_answered_is_not_asked_again(slow_llm: SimulatedLLM, tmp_path: Path) -> None:
    for _ in range(2):
        one = open_at(slow_llm, tmp_path)
        found = [await one.complete(ASK, SHORT) for _ in range(2)]
        await one.aclose()
    assert slow_llm.statistics.requests == 1
    assert [completion.from_cache for completion in found] == [True, True]
    assert (one.ledger.calls, one.ledger.from_cache) == (0, 2)


async def test_two_tasks_with_the_same_question_share_one_request(slow_llm: SimulatedLLM, tmp_path: Path) -> None:
    one = open_at(slow_llm, tmp_path)
    found = await asyncio.gather(*(one.complete(ASK, SamplingParams(5, priority=at)) for at in range(10)))
    await one.aclose()
    assert slow_llm.statistics.requests == one.ledger.calls == 1
    assert len({completion.text for completion in found}) == 1
    assert sum(not completion.from_cache for completion in found) == 1


async def test_an_error_is_shared_and_not_remembered(tmp_path: Path) -> None:
    replies = [(400, error("no")), (200, answer("yes"))]
    async with OddHost(lambda _, number: replies[number - 1]) as odd:
        one = open_at(odd, tmp_path)
        found = await asyncio.gather(*(one.complete(ASK, SHORT) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(each, EndpointRefused) for each in found)
        assert (await one.complete(ASK, SHORT)).text == "yes"
        await one.aclose()
        assert len(odd.bodies) == 2


# abandoned callers -----------------------------------------------------------------------------------------------


async def test_a_sent_request_is_finished_and_kept_though_nobody_waits(slow_llm: SimulatedLLM, tmp_path: Path) -> None:
    one = open_at(slow_llm, tmp_path)
    caller = asyncio.create_task(one.complete(ASK, SHORT))
    await until(lambda: slow_llm.statistics.requests)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await one.drain()
    assert (await one.complete(ASK, SHORT)).from_cache
    await one.aclose()
    assert slow_llm.statistics.finished.total() == slow_llm.statistics.requests == one.ledger.calls == 1


async def test_a_queued_request_is_dropped_unsent_and_uncounted(slow_llm: SimulatedLLM, tmp_path: Path) -> None:
    one = open_at(slow_llm, tmp_path, concurrency=2)
    await one.complete(question(99), SHORT)
    callers = [asyncio.create_task(one.complete(question(at), SHORT)) for at in range(20)]
    await until(lambda: slow_llm.statistics.requests == 3)
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await one.drain()
    await one.aclose()
    assert slow_llm.statistics.requests == one.ledger.calls == 3
    assert one.ledger.in_flight == 0


async def test_a_dropped_question_can_be_asked_again_in_the_same_moment(slow_llm: SimulatedLLM, tmp_path: Path) -> None:
    one = open_at(slow_llm, tmp_path, concurrency=1)
    await one.complete(question(99), SHORT)
    first = asyncio.create_task(one.complete(question(0), SHORT))
    queued = asyncio.create_task(one.complete(ASK, SHORT))
    await until(lambda: slow_llm.statistics.requests == 2)
    queued.cancel()
    again = asyncio.create_task(one.complete(ASK, SHORT))
    await asyncio.sleep(0)
    assert (await again).text
    await first
    await one.aclose()
    assert slow_llm.statistics.requests == 3


async def test_one_of_two_who_wait_may_leave(slow_llm: SimulatedLLM, tmp_path: Path) -> None:
    one = open_at(slow_llm, tmp_path, concurrency=1)
    await one.complete(question(99), SHORT)
    callers = [asyncio.create_task(one.complete(messages, SHORT)) for messages in (question(0), ASK, ASK)]
    await until(lambda: slow_llm.statistics.requests == 2)
    callers[1].cancel()
    assert (await callers[2]).text
    await one.aclose()


async def test_an_abandoned_request_that_fails_is_not_sent_again(tmp_path: Path) -> None:
    abandoned = asyncio.Event()

    async def fail(*_: Any) -> Any:
        await abandoned.wait()
        return 500, error("broken")

    async with OddHost(fail) as odd:
        one = open_at(odd, tmp_path)
        caller = asyncio.create_task(one.complete(ASK, SHORT))
        await until(lambda: odd.bodies)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        abandoned.set()
        await asyncio.wait_for(one.drain(), 60)
        await one.aclose()
        assert len(odd.bodies) == 1
        assert one.ledger.in_flight == 0


# budget ----------------------------------------------------------------------------------------------------------


async def test_max_calls_is_exact_and_going_on_repeats_none(slow_llm: SimulatedLLM, tmp_path: Path) -> None:
    async def go(limit: int | None) -> list[Any]:
        one = open_at(slow_llm, tmp_path, concurrency=8, max_calls=limit)
        found = await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(50)), return_exceptions=True)
        await one.aclose()
        return found

    found = await go(17)
    assert sum(isinstance(each, Completion) for each in found) == 17
    assert slow_llm.statistics.requests == slow_llm.statistics.finished.total() == 17
    spent = [each for each in found if isinstance(each, BudgetSpent)]
    assert len(spent) == 33
    assert str(spent[0]) == "the limit of 17 calls (--max-calls) is used up"
    found = await go(None)
    assert all(isinstance(each, Completion) for each in found)
    assert slow_llm.statistics.requests == len(slow_llm.statistics.finished) == 50


async def test_refused_forms_and_retries_are_one_call(tmp_path: Path) -> None:
    async with SimulatedLLM(structured="none", error_every=3) as server:
        one = open_at(server, tmp_path, max_calls=4)
        params = SamplingParams(50, schema={"title": "t", "type": "object"})
        found = await asyncio.gather(*(one.complete(question(at), params) for at in range(4)))
        await one.aclose()
        assert len(found) == one.ledger.calls == server.statistics.finished.total() == 4


@pytest.mark.parametrize("known", [False, True])
async def test_max_cost_overshoots_by_little_and_keeps_all(tmp_path: Path, known: bool) -> None:
    """Answers of a cent each, a dollar in all, 64 at once, also where the first 64 are sent at once."""

    async def reply(*_: Any) -> Any:
        await asyncio.sleep(0.02)
        return 200, answer() | {"usage": {"prompt_tokens": 9000, "completion_tokens": 1000}}

    async with OddHost(reply) as odd:
        if known:
            before = open_at(odd, tmp_path)
            await before.complete(ASK, SHORT)
            await before.aclose()
            odd.bodies.clear()
        one = open_at(odd, tmp_path, max_cost=1.0, prices=Prices(1.0, 1.0))
        long = [[Message("user", f"{at} {'word ' * 7200}")] for at in range(400)]
        found = await asyncio.gather(
            *(one.complete(each, SamplingParams(1000)) for each in long), return_exceptions=True
        )
        await one.aclose()
        assert all(isinstance(each, Completion | BudgetSpent) for each in found)
        assert 90 <= len(odd.bodies) <= 103
        assert one.ledger.cost == pytest.approx(0.01 * len(odd.bodies))
        cache = AnswerCache(tmp_path / "answers.sqlite")
        assert len(cache) == len(odd.bodies) + known
        cache.close()


def test_max_cost_needs_prices() -> None:
    with pytest.raises(DataError, match=naming("--max-cost", "--prices")):
        EndpointOptions(base_url="http://h", max_cost=1.0).resolved()


def test_no_endpoint_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataError, match=r"^no endpoint: set OPENAI_API_KEY, or give --base-url"):
        EndpointOptions().resolved()
    assert EndpointOptions(base_url="http://localhost:1").resolved().api_key is None


def test_settings_show_no_secret() -> None:
    shown = repr(EndpointOptions(base_url="http://me:pw@h/?token=t0ken", api_key="sk-0123456789"))
    assert "sk-0123" not in shown
    assert "pw" not in shown
    assert "t0ken" not in shown


# a plain Endpoint, counting, sharing and closing -----------------------------------------------------------------


class Plain:
    """An Endpoint of a user's own that knows nothing of flights."""

    model = "plain"

    def __init__(self) -> None:
        self.asked = 0

    async def complete(self, messages: Any, params: SamplingParams) -> Completion:
        self.asked += 1
        await asyncio.sleep(0.01)
        return Completion("A", prompt_tokens=100, completion_tokens=1)

    async def aclose(self) -> None:
        pass


async def test_any_endpoint_can_be_remembered_and_limited() -> None:
    plain = Plain()
    one = LanguageModel(plain, AnswerCache(":memory:"), Budget(Prices(10, 10), max_calls=3))
    found = await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(5)), return_exceptions=True)
    assert [type(each) for each in found] == [Completion] * 3 + [BudgetSpent] * 2
    assert plain.asked == 3
    assert one.ledger.cost == pytest.approx(3 * 101e-5)
    await one.aclose()


async def test_meter_counts_one_fit_within_a_run(slow_llm: SimulatedLLM, tmp_path: Path) -> None:
    one = open_at(slow_llm, tmp_path, prices=Prices(1, 1))
    await one.complete(question(0), SHORT)
    meter = UsageMeter(one)
    await asyncio.gather(*(meter.complete(question(at), SHORT) for at in range(4)))
    spend = meter.spend()
    assert (spend.calls, spend.cached) == (3, 1)
    assert one.ledger.calls == 4
    assert spend.cost is not None
    assert spend.cost == pytest.approx((spend.prompt_tokens + spend.completion_tokens) / 1e6)
    await meter.aclose()


async def test_people_of_one_run_share_one_connection_and_closing_one_breaks_no_other(
    slow_llm: SimulatedLLM, tmp_path: Path
) -> None:
    settings = EndpointOptions(base_url=slow_llm.url, cache=tmp_path / "a.sqlite")
    first, second = shared("m", settings), shared("m", settings)
    assert first is second
    assert shared("other", settings) is not first
    assert shared("m", EndpointOptions(base_url=slow_llm.url, cache=tmp_path / "b.sqlite")) is not first
    running = asyncio.create_task(second.complete(question(1), SHORT))
    await until(lambda: slow_llm.statistics.requests)
    await first.aclose()
    assert (await running).text
    assert (await second.complete(question(2), SHORT)).text
    await second.aclose()


async def test_a_connection_nobody_holds_is_closed(slow_llm: SimulatedLLM, tmp_path: Path) -> None:
    """Warnings are errors here: an unclosed session would be one."""

    async def use() -> None:
        one = shared("m", EndpointOptions(base_url=slow_llm.url, cache=tmp_path / "a.sqlite"))
        await one.complete(ASK, SHORT)

    await background_loop.join(use())
    gc.collect()
    # SQLite removes its log when the last connection closes
    await until(lambda: not (tmp_path / "a.sqlite-wal").exists())
