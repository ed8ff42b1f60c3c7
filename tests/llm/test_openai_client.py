"""The client against real HTTP servers: how it asks, what it survives, and what it says when it gives up."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import socket
import ssl
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from facts import naming, tells
from odd_hosts import ASK, SHORT, OddHost, answer, asked, dead_port, endpoint, error, question, until

from personalrm.errors import DataError, EndpointRefused, Unreachable, UnusableResponse
from personalrm.llm.endpoint import SamplingParams
from personalrm.llm.openai import Host
from personalrm.llm.simulated import SimulatedLLM
from personalrm.preferences import Message

KEY = "sk-test-0123456789abcdefghijklmnop"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait a tenth as long."""
    monkeypatch.setattr("personalrm.llm.http_client.FIRST_WAIT_S", 0.05)


async def _all(asking: list[Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*asking, return_exceptions=True)


# where and with which key ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "chat"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
        ("http://localhost:8000/", "http://localhost:8000/v1/chat/completions"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1/chat/completions"),
        ("https://h/api/v1", "https://h/api/v1/chat/completions"),
        ("https://h/v1/chat/completions", "https://h/v1/chat/completions"),
        (
            "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
            "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
        ("http://me:pw@h:1/v1", "http://h:1/v1/chat/completions"),
        ("http://[::1]:8000", "http://[::1]:8000/v1/chat/completions"),
    ],
)
def test_url_of_chat_completions(url: str, chat: str) -> None:
    assert Host.from_environment(url).chat_url == chat


def test_environment_is_honoured_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Host.from_environment().chat_url == "https://api.openai.com/v1/chat/completions"
    monkeypatch.setenv("OPENAI_BASE_URL", " http://localhost:1/v1\n")
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    host = Host.from_environment()
    assert (host.chat_url, host.api_key) == ("http://localhost:1/v1/chat/completions", KEY)
    assert Host.from_environment("http://h", "other").headers()["Authorization"] == "Bearer other"
    assert KEY not in repr(host)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://h", "http://", "http://h:port", "http://[::1", "nonsense"])
def test_unusable_url_is_one_sentence(url: str) -> None:
    with pytest.raises(DataError, match=r"^base URL: expected http\(s\)://host"):
        Host.from_environment(url)


def test_unprintable_key_is_one_sentence_without_it() -> None:
    with pytest.raises(DataError, match="OPENAI_API_KEY: expected printable ASCII") as caught:
        Host.from_environment("http://h", "sk-ключ-0123456789")
    assert "ключ" not in str(caught.value)


def test_azure_takes_the_key_in_its_own_header() -> None:
    assert Host("https://x.openai.azure.com/openai/v1", KEY).headers()["api-key"] == KEY
    assert "api-key" not in Host("https://x.openai.azure.com.evil.example/v1", KEY).headers()
    assert Host("http://me:p%40ss@h/v1").headers()["Authorization"] == "Basic bWU6cEBzcw=="


async def test_request_carries_key_query_model_and_parameters() -> None:
    async with OddHost(lambda *_: (200, answer("B"))) as odd:
        one = endpoint(f"{odd.url}?api-version=7", api_key=KEY, model="gpt-x")
        completion = await one.complete(ASK, SamplingParams(max_tokens=7, temperature=0.5))
        await one.aclose()
    assert completion.text == "B"
    assert odd.paths == ["/v1/chat/completions?api-version=7"]
    assert odd.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert odd.headers[0]["Content-Type"] == "application/json"
    assert odd.bodies[0] == {
        "model": "gpt-x",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which one, A or B?"}],
        "max_tokens": 7,
        "temperature": 0.5,
    }


async def test_connections_are_reused() -> None:
    async with asked(lambda *_: (200, answer()), concurrency=4) as (odd, one):
        await asyncio.gather(*(one.complete(question(at), SHORT) for at in range(200)))
        assert len(odd.bodies) == 200
        assert len(odd.lines) <= 4


async def test_proxy_is_used_without_slowing_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    async with OddHost(lambda *_: (200, answer("through the proxy"))) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "")
        one = endpoint("http://model.invalid/v1")
        completion = await one.complete(ASK, SHORT)
        await one.aclose()
    assert completion.text == "through the proxy"


async def test_after_closing_it_opens_again() -> None:
    async with asked(lambda *_: (200, answer())) as (_, one):
        await one.complete(ASK, SHORT)
        await one.aclose()
        assert (await one.complete(ASK, SHORT)).text == "A"


# refused for good ------------------------------------------------------------------------------------------------


async def test_wrong_key_is_one_request_and_one_sentence_for_64_waiting() -> None:
    async with SimulatedLLM(key="sk-right-0123456789", latency=0.02) as llm:
        one = endpoint(llm.url, api_key=KEY)
        found = await _all([one.complete(question(at), SHORT) for at in range(64)])
        await one.aclose()
        assert llm.statistics.requests == 1
    assert all(isinstance(error, EndpointRefused) for error in found)
    sentence = str(found[0])
    assert tells(sentence, 401, "Incorrect API key provided", "OPENAI_API_KEY")
    assert KEY not in sentence
    assert "\n" not in sentence


async def test_a_refused_key_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalrm.llm.http_client.STANDS_S", 0.05)
    async with asked(lambda _, number: (401, error("no")) if number == 1 else (200, answer())) as (_, one):
        with pytest.raises(EndpointRefused):
            await one.complete(ASK, SHORT)
        await asyncio.sleep(0.06)
        assert (await one.complete(ASK, SHORT)).text == "A"


async def test_key_echoed_by_the_host_is_in_no_error_and_no_answer() -> None:
    def echo(body: dict[str, Any], number: int) -> Any:
        if "401" in body["messages"][0]["content"]:
            return 401, error(f"Incorrect API key provided: {KEY} ({KEY[:12]}****{KEY[-4:]}). See {KEY[3:20]}.")
        return 200, answer(f"Your key is {KEY}.", logprobs={"content": [{"token": KEY, "logprob": -0.1}]})

    async with asked(echo, api_key=KEY) as (_, one):
        completion = await one.complete(ASK, SamplingParams(5, logprobs=5))
        assert completion.text == "Your key is [key]."
        assert completion.tokens is None
        with pytest.raises(EndpointRefused) as caught:
            await one.complete([Message("user", "401")], SHORT)
    for piece in (KEY, KEY[:10], KEY[-8:], KEY[3:14]):
        assert piece not in str(caught.value)
    assert "Incorrect API key provided" in str(caught.value)


async def test_unknown_model_names_it_and_asks_once() -> None:
    async with SimulatedLLM(model="there") as llm:
        one = endpoint(llm.url, model="not-there")
        found = await _all([one.complete(question(at), SHORT) for at in range(20)])
        await one.aclose()
        assert llm.statistics.requests == 1
    assert all(isinstance(error, EndpointRefused) and tells(str(error), "'not-there'") for error in found)


@pytest.mark.parametrize("status", [429, 402])
async def test_no_credit_left_is_not_retried(status: int) -> None:
    reply = status, error("You exceeded your current quota.", "insufficient_quota")
    async with asked(lambda *_: reply) as (odd, one):
        with pytest.raises(EndpointRefused, match=naming(status, "You exceeded your current quota")):
            await one.complete(ASK, SHORT)
        assert len(odd.bodies) == 1


async def test_prompt_longer_than_the_context_is_refused_at_once() -> None:
    async with SimulatedLLM(context=50) as llm:
        one = endpoint(llm.url)
        long = [Message("user", "A or B? " * 200)]
        with pytest.raises(EndpointRefused, match=naming("50 tokens")):
            await one.complete(long, SamplingParams(5, logprobs=5, schema={"type": "object"}))
        assert (await one.complete(ASK, SHORT)).text  # one long prompt stops nobody else
        await one.aclose()
        assert llm.statistics.requests == 2


async def test_request_too_large_for_the_rate_limit_is_not_retried() -> None:
    reply = 429, error("Request too large for m: tokens per min Limit 10000, Requested 30000", "rate_limit_exceeded")
    async with asked(lambda *_: reply) as (odd, one):
        with pytest.raises(EndpointRefused, match="Request too large"):
            await one.complete(ASK, SHORT)
        assert len(odd.bodies) == 1


async def test_moved_host_is_named_and_the_key_does_not_follow() -> None:
    async with OddHost(lambda *_: (200, answer())) as other:
        moved = 307, b"", {"Location": f"{other.url}/chat/completions"}
        async with asked(lambda *_: moved, api_key=KEY) as (_, one):
            with pytest.raises(EndpointRefused, match=naming(307, other.url)):
                await one.complete(ASK, SHORT)
        assert other.bodies == []


# nobody there ----------------------------------------------------------------------------------------------------


async def test_closed_port_gives_up_after_three_tries_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries are 1.5 s of waiting at most, with the waits that are not shortened here."""
    waits: list[int] = []
    monkeypatch.setattr("personalrm.llm.http_client.jittered", lambda attempt: waits.append(attempt) or 0.01)
    with dead_port() as port:
        one = endpoint(f"http://127.0.0.1:{port}/v1")
        found = await _all([one.complete(question(at), SHORT) for at in range(64)])
        await one.aclose()
    assert max(waits) == 3
    assert all(isinstance(error, Unreachable) for error in found)
    assert tells(str(found[0]), "Connect")
    assert tells(str(found[0]), "base URL")


async def test_unknown_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told at once that there is no such name: some networks take minutes over it, or answer for every name."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    one = endpoint("http://no-such-host.invalid/v1")
    with pytest.raises(Unreachable, match=naming("no-such-host.invalid")):
        await one.complete(ASK, SHORT)
    await one.aclose()


@pytest.mark.usefixtures("_quick")
async def test_https_asked_of_a_plain_host() -> None:
    async with OddHost(lambda *_: (200, answer())) as odd:
        one = endpoint(odd.url.replace("http:", "https:"))
        with pytest.raises(Unreachable, match=r"cannot connect \(no TLS there\)"):
            await one.complete(ASK, SHORT)
        await one.aclose()


async def test_certificate_of_nobody_known_is_refused_at_once(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    making = await asyncio.create_subprocess_exec(*command, "-keyout", key, "-out", certificate, stderr=PIPE)
    await making.communicate()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with OddHost(lambda *_: (200, answer()), tls=tls) as odd:
        one = endpoint(odd.url, api_key=KEY)
        with pytest.raises(EndpointRefused, match=r"the certificate of 127.0.0.1:.* is refused: self.signed"):
            await one.complete(ASK, SHORT)
        await one.aclose()
        assert odd.bodies == []


@pytest.mark.usefixtures("_quick")
async def test_silent_host_ends_at_the_deadline() -> None:
    async with SimulatedLLM(hang_every=1) as llm:
        one = endpoint(llm.url, timeout=0.2, deadline=0.5)
        with pytest.raises(Unreachable, match=r"[123] tr(y|ies).* 0\.\d+ s"):
            await one.complete(ASK, SHORT)
        await one.aclose()


async def test_one_silent_request_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request of all is never answered: those that wait for what it finds out lose patience."""
    monkeypatch.setattr("personalrm.llm.openai.PATIENCE_S", 0.2)
    never = asyncio.Event()

    async def reply(body: dict[str, Any], number: int) -> Any:
        if number == 1:
            await never.wait()
        return 200, answer()

    async with asked(reply) as (_, one):
        tasks = [asyncio.create_task(one.complete(question(at), SHORT)) for at in range(20)]
        for answered in itertools.islice(asyncio.as_completed(tasks, timeout=60), 19):
            assert (await answered).text == "A"
        (waiting,) = [task for task in tasks if not task.done()]
        waiting.cancel()


async def test_deadline_leaves_out_the_time_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight requests of 50 s one at a time, with 80 s for each: the last waits 350 s and is still answered.

    Each answer moves the clock of the loop on, which takes no time and asks nothing of the machine.
    """
    loop, late = asyncio.get_running_loop(), 0.0
    clock = loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + late)

    def slow(*_: Any) -> Any:
        nonlocal late
        late += 50.0
        return 200, answer()

    async with asked(slow, concurrency=1, timeout=80.0, deadline=80.0) as (_, one):
        found = await _all([one.complete(question(at), SHORT) for at in range(8)])
    assert [getattr(one, "text", one) for one in found] == ["A"] * 8


# passing faults --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_quick")
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


@pytest.mark.usefixtures("_quick")
async def test_lasting_faults_end_in_one_sentence() -> None:
    async with asked(lambda *_: (500, error("The server had an error."))) as (odd, one):
        with pytest.raises(Unreachable, match=naming("6 tries", 500, "The server had")):
            await one.complete(ASK, SHORT)
        assert len(odd.bodies) == 6


@pytest.mark.usefixtures("_quick")
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
        found = await asyncio.wait_for(_all([one.complete(question(at), SHORT) for at in range(30)]), 60)
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


@pytest.mark.usefixtures("_quick")
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
