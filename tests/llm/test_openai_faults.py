"""Faults of hosts that pass, unusable answers with status 200, and cancelled requests."""

from __future__ import annotations

import asyncio
import contextlib
import io
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from facts import naming
from odd_hosts import ASK, SHORT, OddHost, answer, asked, endpoint, error, question, until
from openai_settings import no_environment, outcomes, quick

from personalrm.errors import EndpointRefused, Unreachable, UnusableResponse
from personalrm.llm.endpoint import SamplingParams
from personalrm.llm.simulated import SimulatedLLM
from personalrm.preferences import Message

__all__ = ["no_environment", "quick"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("knob", ["error_every", "drop_every", "rate_limit_every"])
async def test_passing_faults_are_retried_until_all_are_answered(knob: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question may meet the host's bad moment again and again: with six tries about one run in a hundred would."""
    monkeypatch.setattr("personalrm.llm.http_client.TRIES", 60)
    monkeypatch.setattr("personalrm.llm.http_client.LONGEST_WAIT_S", 0.2)
    async with SimulatedLLM(**{knob: 4}) as llm:
        one = endpoint(llm.url, concurrency=8)
        found = await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(60)))
        await one.aclose()
        assert llm.statistics.finished.total() == 60
        assert llm.statistics.requests > 60
    assert all(completion.text for completion in found)


@pytest.mark.usefixtures("quick")
async def test_lasting_faults_end_in_one_sentence() -> None:
    async with asked(lambda *_: (500, error("The server had an error."))) as (odd, one):
        with pytest.raises(Unreachable, match=naming("6 tries", 500, "The server had")):
            await one.complete(ASK, SHORT)
        assert len(odd.bodies) == 6


@pytest.mark.usefixtures("quick")
async def test_being_busy_uses_up_no_tries() -> None:
    """Seven times too busy, then a fault, then an answer."""
    replies = [(429, error("busy"), {"retry-after-ms": "1"})] * 7 + [(500, error("broken")), (200, answer())]
    async with asked(lambda _, number: replies[number - 1]) as (_, one):
        assert (await one.complete(ASK, SHORT)).text == "A"


@pytest.mark.parametrize(
    ("header", "least"),
    [
        ({"Retry-After": "0.4"}, 0.4),
        ({"Retry-After": "1"}, 1.0),
        ({"retry-after-ms": "400"}, 0.4),
        ({"Retry-After": "date"}, 1.0),
    ],
)
async def test_retry_after_is_obeyed_by_everybody(header: dict[str, str], least: float) -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        if number == 2:
            in_two_seconds = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
            return 429, error("slow"), {name: value.replace("date", in_two_seconds) for name, value in header.items()}
        return 200, answer()

    async with asked(reply, concurrency=1) as (odd, one):
        await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(5)))
    assert odd.times[2] - odd.times[1] >= least - 0.02
    assert odd.times[2] - odd.times[1] < least + 30.0  # 400 ms are no 400 s
    assert odd.bodies[2] == odd.bodies[1]  # it keeps its turn


async def test_longer_patience_than_a_call_has_is_said_at_once() -> None:
    reply = 429, error("Come back later"), {"Retry-After": "40000"}
    async with asked(lambda *_: reply) as (odd, one):
        with pytest.raises(Unreachable, match=r"overloaded \(429\): Come back later"):
            await one.complete(ASK, SHORT)
        assert len(odd.bodies) == 1


async def test_overload_without_end_ends_at_the_deadline() -> None:
    async with asked(lambda *_: (429, error("busy")), timeout=0.3, deadline=0.6) as (odd, one):
        found = await asyncio.wait_for(outcomes([one.complete(question(at), SHORT) for at in range(30)]), 60)
    assert all(isinstance(error, Unreachable) for error in found)
    assert len(odd.bodies) < 100  # no storm


async def test_concurrency_is_lowered_by_429_and_recovers() -> None:
    """The host needs a hundred rounds of the loop for an answer: no seconds, so that a slow machine changes nothing."""
    room = 8

    async def reply(*_: Any) -> Any:
        if odd.active > room:
            return 429, error("busy"), {"Retry-After": "0.05"}
        for _ in range(100):
            await asyncio.sleep(0)
        return 200, answer()

    async with asked(reply, concurrency=32) as (odd, one):
        await one.complete(ASK, SHORT)
        await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(200)))
        assert 0 < odd.statuses.count(429) < 120  # 24 in the first burst, then now and then
        assert one._scheduler.limit <= 16
        room = 64
        await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(1000, 1700)))
        assert one._scheduler.limit >= 30
        assert odd.statuses.count(200) == 901


# what hosts answer with status 200 -------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "garbage",
    [b"", b"[]", b"null", b'{"choices": []}', b'{"choices": [{"message": {"content": 3}}]}'],
)
@pytest.mark.parametrize("sound", [0, 1])
async def test_garbage_may_be_paid_for_and_is_asked_for_once_more_only(garbage: bytes, sound: int) -> None:
    """Before and after the host's first sound answer; the error says how often it was asked."""
    async with asked(lambda _, number: (200, answer() if number <= sound else garbage)) as (odd, one):
        for _ in range(sound):
            await one.complete(ASK, SHORT)
        with pytest.raises(UnusableResponse, match=r"chat completion.*asked 2 times"):
            await one.complete(ASK, SHORT)
        assert len(odd.bodies) == sound + 2


@pytest.mark.parametrize("sound", [0, 1])
async def test_a_web_page_in_place_of_an_answer_concerns_all_requests(sound: int) -> None:
    """A login of a proxy or a captive portal: one request, also after sound answers, and the title of the page."""
    page = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
    async with asked(lambda _, number: (200, answer() if number <= sound else page)) as (odd, one):
        for _ in range(sound):
            await one.complete(ASK, SHORT)
        found = await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(9)), return_exceptions=True)
    assert all(isinstance(each, EndpointRefused) and "Sign in" in str(each) for each in found)
    assert len(odd.bodies) <= sound + 9
    assert sound or len(odd.bodies) == 1


async def test_error_sent_with_status_200_counts_as_what_it_names() -> None:
    def reply(body: dict[str, Any], number: int) -> Any:
        return (200, error("Provider overloaded", 429)) if number < 3 else (200, answer())

    async with asked(reply) as (odd, one):
        assert (await one.complete(ASK, SHORT)).text == "A"
        assert len(odd.bodies) == 3
    async with asked(lambda *_: (200, error("Bad key", 401))) as (odd, one):
        with pytest.raises(EndpointRefused, match=r"\(401\): Bad key"):
            await one.complete(ASK, SHORT)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ([{"type": "text", "text": "A"}, {"type": "text", "text": " or B"}], "A or B"),
        ([{"type": "refusal", "refusal": "No."}], "No."),
    ],
)
async def test_content_of_every_kind(content: Any, text: str) -> None:
    async with asked(lambda *_: (200, answer(content))) as (_, one):
        completion = await one.complete(ASK, SHORT)
    assert completion.text == text


async def test_refusal_is_the_answer() -> None:
    reply = {"choices": [{"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}]}
    async with asked(lambda *_: (200, reply)) as (_, one):
        assert (await one.complete(ASK, SHORT)).text == "I cannot."


async def test_tokens_are_estimated_where_the_host_does_not_count() -> None:
    odd_usage = [{}, {"usage": None}, {"usage": []}, {"usage": {"prompt_tokens": None, "cost": "much"}}]
    async with asked(lambda _, number: (200, answer("word " * 8) | odd_usage[number - 1])) as (_, one):
        for _ in odd_usage:
            completion = await one.complete(ASK, SHORT)
            assert 25 <= completion.prompt_tokens <= 60
            assert (completion.completion_tokens, completion.cached_tokens, completion.cost) == (10, 0, None)


async def test_usage_and_the_hosts_own_bill_are_taken() -> None:
    usage = {"prompt_tokens": 11, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 8}, "cost": 0.25}
    async with asked(lambda *_: (200, answer() | {"usage": usage})) as (_, one):
        found = await one.complete(ASK, SHORT)
    assert (found.prompt_tokens, found.completion_tokens, found.cached_tokens, found.cost) == (11, 2, 8, 0.25)


async def test_logprobs_are_read_and_null_is_impossible() -> None:
    top = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": None}]
    content = {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": top}]}
    async with asked(lambda *_: (200, answer(logprobs=content))) as (_, one):
        found = await one.complete(ASK, SamplingParams(1, logprobs=5))
    assert found.tokens is not None
    assert found.tokens[0].top == (("A", -0.1), ("B", -9999.0))


async def test_half_of_an_emoji_can_be_asked_about() -> None:
    async with asked(lambda *_: (200, answer())) as (odd, one):
        assert (await one.complete([Message("user", "cut \ud83d off")], SHORT)).text == "A"
    assert odd.bodies[0]["messages"][0]["content"] == "cut ? off"


async def test_prompt_of_three_megabytes_is_sent_without_a_warning() -> None:
    async with OddHost(lambda *_: (200, answer())) as odd:
        one = endpoint(odd.url)
        found = await one.complete([Message("user", "é" * 1_500_000)], SHORT)
        await one.aclose()
    assert found.text == "A"
    assert len(odd.bodies[0]["messages"][0]["content"]) == 1_500_000


# cancelling ------------------------------------------------------------------------------------------------------


async def test_cancelled_requests_give_their_places_back() -> None:
    async with SimulatedLLM(latency=0.05) as llm:
        one = endpoint(llm.url, concurrency=4)
        await one.complete(ASK, SHORT)
        tasks = [asyncio.create_task(one.complete(question(at), SHORT)) for at in range(40)]
        await until(lambda: llm.statistics.requests > 6)
        for task in tasks[::2]:
            task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert one._scheduler.busy == 0
        await one.aclose()
    assert sum(isinstance(one, asyncio.CancelledError) for one in found) > 10
    assert all(not isinstance(one, BaseException) for one in found[1::2])


async def test_nothing_is_left_open() -> None:
    """Warnings are errors here, so an open session or transport would fail this test when it is collected."""
    async with SimulatedLLM() as llm:
        one = endpoint(llm.url)
        await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(10)))
        with contextlib.redirect_stderr(io.StringIO()) as said:
            await one.aclose()
            await asyncio.sleep(0.02)
    assert said.getvalue() == ""


def test_settings_and_portal_need_no_http_library() -> None:
    """Settings and the portal are imported by people who never ask a model: no HTTP library for them."""
    code = "import sys, personalrm.llm.connect; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = Counter(name.partition(".")[0] for name in done.stdout.split())
    assert not {"aiohttp", "yarl", "numpy", "pydantic", "scipy"} & set(loaded)
