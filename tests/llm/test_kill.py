"""kill -9 at random moments of a real fit: finishing afterwards repeats no call whose answer had arrived."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from personalrm.llm.simulated import SimulatedLLM

FIT = """
import sys
from personalrm.data.simulated import simulate_people
from personalrm.llm import portal
from personalrm.llm.connect import Settings, shared
from personalrm.synthesis.fitting import fit
from personalrm.synthesis.options import Options

async def work():
    llm = shared("simulated", Settings(base_url=sys.argv[1], cache=sys.argv[2], concurrency=int(sys.argv[3])))
    print("ready", flush=True)
    return await fit(llm, simulate_people(1, choices=17, seed=3)[0], Options())

portal.run(work())
print("done", flush=True)
"""
LATENCY_S, CONCURRENCY = 0.1, 16


def start(url: str, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FIT, url, str(cache), str(CONCURRENCY)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kept(cache: Path) -> int:
    if not cache.exists():
        return 0
    connection = sqlite3.connect(cache)
    try:
        return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])
    finally:
        connection.close()


class Timed(SimulatedLLM):
    """Notes when each answer left."""

    def __init__(self) -> None:
        super().__init__(latency=LATENCY_S)
        self.left: list[float] = []

    async def _answer(self, *request: Any) -> tuple[web.Response | None, int]:
        response, spent = await super()._answer(*request)
        if response is not None and response.status == 200:
            self.left.append(time.perf_counter())
        return response, spent


def test_kill_nine_ten_times_over(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """Ten killed runs of one fit, then one to the end.

    What a killed run had received is asked once over all eleven. Only an answer that was still on the wire when it
    died is asked twice: never one that had left the host 0.2 s before (the client shares two cores with the host).
    """
    cache, rng = tmp_path / "answers.sqlite", random.Random(20261123)
    lost: list[int] = []
    with Timed() as llm:
        for _ in range(10):
            earlier = len(llm.left)
            program = start(llm.url, cache)
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.0, 0.45))
            killed = time.perf_counter()
            program.send_signal(signal.SIGKILL)
            program.communicate(timeout=10)
            time.sleep(LATENCY_S + 0.05)  # the host notices
            answered = llm.left[earlier:]
            assert kept(cache) >= earlier - sum(lost) + sum(left < killed - 0.2 for left in answered)
            lost.append(len(llm.left) - sum(lost) - kept(cache))
        assert len(llm.left) > 20  # the kills came in the midst of the work
        program = start(llm.url, cache)
        said, _ = program.communicate(timeout=30)
        assert (program.returncode, said) == (0, "ready\ndone\n")
        statistics = llm.statistics
        assert len(llm.left) - len(statistics.finished) <= sum(lost)
        assert max(lost) <= CONCURRENCY
        assert kept(cache) == len(statistics.finished)
        asked = statistics.requests
        start(llm.url, cache).communicate(timeout=30)
        assert statistics.requests == asked
    record_property("answers on the wire at the kill, over ten kills", lost)
