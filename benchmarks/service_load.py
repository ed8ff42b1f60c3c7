"""The service under load: predictions per second, latency, and the effect of many people.

    python benchmarks/service_load.py                          # SQLite, half a minute
    python benchmarks/service_load.py --large                  # also 200,000 people with 2,000,000 choices

The service runs in its own process, this script in another. While 32 connections compare, choices are written and
profiles are learned. All figures are from one run on one machine; ratios are between parts of that run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from personalrm.data.simulated import Setting, simulate
from personalrm.preferences import Preference
from personalrm.store.jobs import Work
from personalrm.store.records import Choice
from personalrm.store.store import Store

PEOPLE, CHOICES = 200, 12
CONNECTIONS, SECONDS = 32, 15.0
WRITES_A_SECOND = 20


class Service:
    """`personalrm serve` on a database, in another process."""

    def __init__(self, database: str, *words: str) -> None:
        self.key = _cli("key", "bench", database=database).strip()
        environment = {**os.environ, "PERSONALRM_DATABASE": database, "PERSONALRM_REQUEST_LOG": "json"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "personalrm", "serve", "--port", "0", *words],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.url = ""
        for line in self.process.stderr:
            if "Listening on" in line:
                self.url = line.split()[-1]
                break
        with Path(os.environ.get("SERVICE_LOG", os.devnull)).open("wb") as log:
            self._drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=log)

    def cpu_s(self) -> float:
        """CPU seconds so far, without its learner process."""
        return _cpu_s(self.process.pid)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self._drain.wait(5)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cli(*words: str, database: str) -> str:
    environment = {**os.environ, "PERSONALRM_DATABASE": database}
    command = [sys.executable, "-m", "personalrm", "serve", *words]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def row(one: Preference) -> dict[str, Any]:
    context = [{"role": turn.role, "content": turn.content} for turn in one.context]
    return {"id": one.id, "time": one.time, "context": context, "chosen": one.chosen, "rejected": one.rejected}


async def post(session: aiohttp.ClientSession, path: str, body: Any) -> Any:
    async with session.post(path, data=orjson.dumps(body)) as answer:
        found = await answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {found[:300]!r}")
        return orjson.loads(found)


async def hammer(work: Callable[[int], Awaitable[Any]], connections: int, seconds: float) -> list[float]:
    """Latencies in ms of all calls that this many connections make in that time."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def one(number: int) -> None:
        count = number
        while (began := time.perf_counter()) < end:
            await work(count)
            latencies.append((time.perf_counter() - began) * 1e3)
            count += connections

    await asyncio.gather(*(one(number) for number in range(connections)))
    return latencies


def told(name: str, latencies: list[float], seconds: float, unit: str = "requests") -> dict[str, float]:
    ordered = sorted(latencies)
    found = {
        "a_second": len(ordered) / seconds,
        "p50_ms": statistics.median(ordered),
        "p99_ms": ordered[int(len(ordered) * 0.99)],
        "max_ms": ordered[-1],
    }
    values = "  ".join(f"{key} {value:8.1f}" for key, value in found.items())
    print(f"{name:<44} {values}  ({len(ordered)} {unit})")
    return found


async def measure(service: Service, seconds: float) -> dict[str, Any]:
    people = simulate(PEOPLE, Setting(choices=CHOICES + 60, seed=1))
    headers = {"Authorization": f"Bearer {service.key}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=CONNECTIONS + 8)
    async with aiohttp.ClientSession(service.url, headers=headers, connector=connector) as session:
        for one in people:
            choices = [row(made) for made in one.history.choices[:CHOICES]]
            await post(session, f"/v1/people/{one.history.user}/choices", {"choices": choices})
        await _until_learned(session)
        found: dict[str, Any] = {}
        compare = _compare(session, people)
        await hammer(compare, CONNECTIONS, 2.0)  # open the predictors
        before = service.cpu_s()
        latencies = await hammer(compare, CONNECTIONS, seconds)
        found["idle"] = told("compare, nothing else happens", latencies, seconds)
        found["cpu_ms"] = (service.cpu_s() - before) / len(latencies) * 1e3
        print(f"{'':<44} {found['cpu_ms']:.2f} ms of processor time a request in the service")
        before, mine = service.cpu_s(), time.process_time()
        writing = asyncio.create_task(_write(session, people, seconds))
        found["busy"] = told(
            "compare, choices are written and learned", await hammer(compare, CONNECTIONS, seconds), seconds
        )
        writes = await writing
        shares = [(service.cpu_s() - before) / seconds, (time.process_time() - mine) / seconds]
        print(f"{'':<44} {shares[0]:.2f} processors were used by the service, {shares[1]:.2f} by this script")
        print(f"{'':<44} {writes / seconds:.1f} choices a second were written meanwhile")
        found["scores"] = await _scores(session, people, min(seconds, 8.0))
        found["fresh_ms"] = await _fresh(session, people)
        return found


async def _until_learned(session: aiohttp.ClientSession) -> None:
    while True:
        async with session.get("/v1/jobs?limit=1") as answer:
            if not orjson.loads(await answer.read())["jobs"]:
                return
        await asyncio.sleep(0.2)


def _compare(session: aiohttp.ClientSession, people: list[Any]) -> Callable[[int], Awaitable[Any]]:
    chance = random.Random(0)
    pairs = [(one.history.user, made) for one in people for made in one.history.choices[CHOICES + 30 :]]
    chance.shuffle(pairs)

    async def compare(number: int) -> Any:
        user, made = pairs[number % len(pairs)]
        # a text that nobody has sent before, as in production
        body = {**_context(made), "a": f"{made.chosen} ({number})", "b": f"{made.rejected} ({number})"}
        return await post(session, f"/v1/people/{user}/compare", body)

    return compare


def _context(made: Preference) -> dict[str, Any]:
    return {"context": [{"role": turn.role, "content": turn.content} for turn in made.context]}


async def _write(session: aiohttp.ClientSession, people: list[Any], seconds: float) -> int:
    """So many choices a second, of one person after the other."""
    count, began = 0, time.perf_counter()
    for number in range(CHOICES, CHOICES + 30):
        for one in people:
            await post(
                session, f"/v1/people/{one.history.user}/choices", {"choices": [row(one.history.choices[number])]}
            )
            count += 1
            if time.perf_counter() - began > seconds:
                return count
            await asyncio.sleep(max(0.0, began + count / WRITES_A_SECOND - time.perf_counter()))
    return count


async def _scores(session: aiohttp.ClientSession, people: list[Any], seconds: float) -> dict[str, float]:
    """m people × n responses that were seen before."""
    users = [one.history.user for one in people]
    made = people[0].history.choices
    responses = list(dict.fromkeys(text for one in made[:20] for text in (one.chosen, one.rejected)))[:40]
    body = {"users": users, **_context(made[0]), "responses": responses}

    async def score(_: int) -> Any:
        return await post(session, "/v1/score", body)

    await hammer(score, 2, 1.0)
    latencies = await hammer(score, 4, seconds)
    found = told(f"score, {len(users)} people × {len(responses)} responses", latencies, seconds)
    found["scores_a_second"] = found["a_second"] * len(users) * len(responses)
    print(f"{'':<44} {found['scores_a_second']:.0f} scores a second")
    return found


async def _fresh(session: aiohttp.ClientSession, people: list[Any]) -> float:
    """Milliseconds from a choice that is sent to a prediction that knows it, the slowest of 30."""
    slowest = 0.0
    for one in people[:30]:
        user, made = one.history.user, one.history.choices[-1]
        pair = {**_context(made), "a": made.chosen, "b": made.rejected}
        before = await post(session, f"/v1/people/{user}/compare", pair)
        began = time.perf_counter()
        await post(session, f"/v1/people/{user}/choices", {"choices": [row(made)]})
        while (await post(session, f"/v1/people/{user}/compare", pair))["profile_version"] <= before["profile_version"]:
            if time.perf_counter() - began > 30.0:
                raise RuntimeError("the new choice was not learned")
        slowest = max(slowest, (time.perf_counter() - began) * 1e3)
    print(f"{'a choice is usable after at most':<44} {slowest:.0f} ms")
    return slowest


def fill(database: str, people: int, choices: int) -> None:
    """So many people with so many choices in all, straight into the tables; one person in 100 has 10 times as many."""
    store = Store(database)
    space = store.make_space("bench")
    pattern = [one.history for one in simulate(20, Setting(choices=20, seed=2))]
    each = max(1, choices // people)
    for number in range(people):
        history = pattern[number % len(pattern)]
        given = [
            Choice(id=f"{at}", context=one.context, chosen=one.chosen[:200], rejected=one.rejected[:200], time=one.time)
            for at, one in enumerate(history.choices[:each])
        ]
        space.feedback.choices(f"p{number:06d}", given, Work.refit(1e9, 1e9))
    store.close()


async def reads(service: Service, people: int, seconds: float) -> dict[str, float]:
    """Reads of random people."""
    headers = {"Authorization": f"Bearer {service.key}"}
    chance = random.Random(3)
    async with aiohttp.ClientSession(service.url, headers=headers) as session:

        async def get(_: int) -> None:
            user = f"p{chance.randrange(people):06d}"
            path = chance.choice([f"/v1/people/{user}", f"/v1/people/{user}/choices", f"/v1/people?after={user}"])
            async with session.get(path) as answer:
                await answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{path}: {answer.status}")

        await hammer(get, 4, 1.0)
        return told(f"reads among {people} people", await hammer(get, 4, seconds), seconds)


def large(folder: Path, people: int, seconds: float) -> dict[str, Any]:
    found = {}
    for count in (2000, people):
        database = f"sqlite:///{folder / f'{count}.sqlite'}"
        began = time.perf_counter()
        fill(database, count, 10 * count)
        print(f"filled with {count} people in {time.perf_counter() - began:.0f} s")
        service = Service(database)
        try:
            found[count] = asyncio.run(reads(service, count, seconds))
        finally:
            service.stop()
    ratio = found[people]["p50_ms"] / found[2000]["p50_ms"]
    print(f"{'reads: many people over 2,000':<44} {ratio:.2f} × at the median")
    return {"small": found[2000], "large": found[people], "ratio": ratio}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--database", help="an empty one; a SQLite file of its own if left out")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--people", type=int, default=200_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(given.database or f"sqlite:///{folder}/load.sqlite")
        try:
            found = asyncio.run(measure(service, given.seconds))
        finally:
            service.stop()
        if given.large:
            found["reads"] = large(Path(folder), given.people, given.seconds)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
