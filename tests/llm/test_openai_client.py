"""The client against real HTTP servers: how it asks, what it survives, and what it says when it gives up."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import pytest
from facts import naming, tells
from odd_hosts import ASK, SHORT, OddHost, answer, asked, dead_port, endpoint, error, question
from openai_settings import KEY, no_environment, outcomes, quick

from personalrm.errors import DataError, EndpointRefused, Unreachable
from personalrm.llm.endpoint import SamplingParams
from personalrm.llm.openai import Host
from personalrm.llm.simulated import SimulatedLLM
from personalrm.preferences import Message

__all__ = ["no_environment", "quick"]


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
        found = await outcomes([one.complete(question(at), SHORT) for at in range(64)])
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
        found = await outcomes([one.complete(question(at), SHORT) for at in range(20)])
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
        found = await outcomes([one.complete(question(at), SHORT) for at in range(64)])
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


@pytest.mark.usefixtures("quick")
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


@pytest.mark.usefixtures("quick")
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
        found = await outcomes([one.complete(question(at), SHORT) for at in range(8)])
    assert [getattr(one, "text", one) for one in found] == ["A"] * 8
