"""What the simulated model counts is right, and the ways to run it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import aiohttp
import handmade as hand
import orjson
import pytest
from odd_hosts import until
from places import SOURCE
from simulated_client import PAIR, REASONED, SHORT, Client, session

from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.behaviour import Behaviour
from personalrm.llm.simulated.server import BANNER, arguments
from personalrm.llm.simulated.statistics import Prefixes, Statistics

__all__ = ["session"]


async def test_the_prefix_share_of_a_known_sequence(session: aiohttp.ClientSession) -> None:
    shared, tail = "s" * 64 * 9, "t" * 64 * 10
    async with SimulatedLLM() as llm:
        client = Client(session, llm)
        # "system:\n" + 56 makes one block; then "\nuser:\n" + 57
        system = "y" * 56
        for user in (shared + "1" * 57, shared + "2" * 57, tail):
            await client.ask(user[:-7] if user is not tail else "q" * 57 + tail, system)
        stats = await client.get("/stats")
        lengths = [64 + 7 + 9 * 64 + 50, 64 + 7 + 9 * 64 + 50, 64 + 7 + 57 + 640]
        # second: 10 blocks (0 to 639) are shared, ending inside the common part; third: only the system block
        assert llm.statistics.prompt_bytes == sum(lengths)
        assert llm.statistics.cached_bytes == 10 * 64 + 64
        assert stats["prefix_share"] == pytest.approx(704 / sum(lengths))
        again = await client.ask("q" * 57 + tail, system)
        assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == lengths[2] // 4


async def test_a_prompt_that_has_not_finished_is_no_known_prefix(session: aiohttp.ClientSession) -> None:
    async with SimulatedLLM(latency=600.0) as llm:
        client = Client(session, llm)
        unfinished = asyncio.create_task(client.ask(SHORT))
        await until(lambda: llm.statistics.prompt_bytes)
        llm.behaviour = Behaviour()
        await client.ask(SHORT)
        assert llm.statistics.cached_bytes == 0
        unfinished.cancel()
        await client.ask(SHORT)
        assert llm.statistics.cached_bytes * 3 == llm.statistics.prompt_bytes


def test_prefixes_differ_wherever_texts_do() -> None:
    prefixes = Prefixes()
    text = bytes(range(256)) * 40
    prefixes.add(prefixes.chain(text))
    assert prefixes.known(prefixes.chain(text + b"more")) == len(text) // 64
    for at in (0, 63, 64, 5000, len(text) - 1):
        changed = text[:at] + bytes([text[at] ^ 0x80]) + text[at + 1 :]
        assert prefixes.known(prefixes.chain(changed)) == at // 64
    swapped = text[64:128] + text[:64] + text[128:]
    assert prefixes.known(prefixes.chain(swapped)) == 0


async def test_fullness_and_concurrency_of_a_known_sequence(session: aiohttp.ClientSession) -> None:
    """Four at once, then two, each for a tenth of a second or longer; the exact figures are tested below."""
    async with SimulatedLLM(hang_every=1, slots=4) as llm:
        client = Client(session, llm)
        for together in (4, 2):
            hanging = [asyncio.create_task(client.raw(SHORT)) for _ in range(together)]
            await until(lambda wanted=together: llm.statistics.active == wanted)
            await asyncio.sleep(0.1)
            for one in hanging:
                one.cancel()
            await until(lambda: llm.statistics.active == 0)
        stats = await client.get("/stats")
        assert stats["max_concurrency"] == 4
        assert stats["span_seconds"] >= 0.2
        assert 0.6 <= stats["busy_seconds"] <= 4 * stats["span_seconds"]
        assert stats["fullness"] == pytest.approx(stats["busy_seconds"] / (4 * stats["span_seconds"]))
        assert stats["mean_concurrency"] == pytest.approx(stats["busy_seconds"] / stats["span_seconds"])
        assert (await client.get("/stats?slots=8"))["fullness"] == pytest.approx(stats["fullness"] / 2)


def test_the_time_integral_is_exact_on_a_clock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.0, 4.0, 7.0])
    monkeypatch.setattr("personalrm.llm.simulated.statistics.time.perf_counter", lambda: next(clock))
    statistics = Statistics()
    first, second = statistics.arrived(b"1"), statistics.arrived(b"2")
    statistics.left(first, "200", 5)
    statistics.left(second, "500")
    report = statistics.report(slots=2)
    assert report["busy_seconds"] == (2 - 1) + 2 * (4 - 2) + (7 - 4)
    assert report["span_seconds"] == 6
    assert report["fullness"] == 8 / 12
    assert report["statuses"] == {"200": 1, "500": 1}
    assert report["finished"] == 1


async def test_repeats_bodies_and_a_fresh_count(session: aiohttp.ClientSession) -> None:
    async with SimulatedLLM() as llm:
        client = Client(session, llm)
        for user in (SHORT, REASONED, SHORT):
            await client.ask(user)
        stats = await client.get("/stats?bodies=1")
        assert (stats["requests"], stats["finished"], stats["distinct"], stats["repeated"]) == (3, 3, 2, 1)
        assert sorted(stats["bodies"].values()) == [1, 2]
        assert stats["completion_tokens"] > 60
        assert stats["prompt_tokens"] == pytest.approx(3 * len(hand.SYSTEM + SHORT) / 4, rel=0.05)
        recent = await client.get("/requests?last=2")
        assert [one["messages"][1]["content"] for one in recent] == [REASONED, SHORT]
        assert (await client.get("/stats", "DELETE"))["requests"] == 0
        await client.ask(SHORT)
        assert (await client.get("/stats"))["requests"] == 1


async def test_latency_and_jitter(session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at with the clock at rest, so that they are exact; then once with the clock of the wall."""
    loop = asyncio.get_running_loop()
    async with SimulatedLLM(latency=0.1, jitter=0.1) as llm:
        client, pauses = Client(session, llm), []
        real, now = asyncio.sleep, loop.time()

        async def noted(seconds: float) -> None:
            pauses.append(seconds)
            await real(0)

        with monkeypatch.context() as still:
            still.setattr(loop, "time", lambda: now)
            still.setattr("personalrm.llm.simulated.server.asyncio.sleep", noted)
            for user in (SHORT, SHORT, REASONED, PAIR):
                await client.ask(user)
        assert all(0.1 <= one <= 0.2 for one in pauses)
        assert pauses[0] == pauses[1]
        assert len(set(pauses)) == 3
        started = loop.time()
        await client.ask(SHORT)
        assert loop.time() - started >= 0.1


# ------------------------------------------------------------------ ways to run it


def test_it_runs_in_a_thread_for_synchronous_tests() -> None:
    async def once(llm: SimulatedLLM) -> str:
        async with aiohttp.ClientSession() as session:
            return await Client(session, llm).text(SHORT)

    with SimulatedLLM() as llm:
        assert asyncio.run(once(llm)) in ("A", "B")
        assert llm.statistics.finished.total() == 1


def test_it_runs_as_a_command() -> None:
    command = [sys.executable, "-m", "personalrm.llm.simulated", "--port", "0", "--latency", "0.01", "--key", "secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=SOURCE) as process:
        assert process.stdout is not None
        banner = process.stdout.readline()
        url = banner.split()[0]
        assert BANNER in banner

        async def once() -> int:
            async with aiohttp.ClientSession() as session:
                body = orjson.dumps({"messages": hand.messages(SHORT)})
                async with session.post(
                    url + "/chat/completions", data=body, headers={"Authorization": "Bearer secret"}
                ) as response:
                    return response.status

        try:
            assert asyncio.run(once()) == 200
        finally:
            process.terminate()


def test_every_knob_has_a_flag() -> None:
    given = "--host 0.0.0.0 --port 9 --latency 0.5 --no-logprobs --structured ignored --invent-every 3 --thinking tags"
    behaviour, host, port = arguments(given.split())
    assert (host, port) == ("0.0.0.0", 9)
    assert behaviour == Behaviour(latency=0.5, logprobs=False, structured="ignored", invent_every=3, thinking="tags")
    assert arguments([])[0] == Behaviour()


def test_a_flag_with_an_unknown_value_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["--structured", "xml"])
    assert "invalid choice: 'xml'" in capsys.readouterr().err
