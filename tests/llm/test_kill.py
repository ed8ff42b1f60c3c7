"""kill -9 at random moments of a real fit: finishing afterwards repeats no call whose answer had arrived."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from answers_kept import kept

from personalrm.llm.simulated import SimulatedLLM

FIT = """
import sys
from personalrm.data.simulated import simulate_people
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions, shared
from personalrm.synthesis.fitting import fit
from personalrm.profile.options import Options

async def work():
    llm = shared("simulated", EndpointOptions(base_url=sys.argv[1], cache=sys.argv[2], concurrency=int(sys.argv[3])))
    print("ready", flush=True)
    return await fit(llm, simulate_people(1, choices=80, seed=3)[0], Options())

background_loop.run(work())
print("done", flush=True)
"""
LATENCY_S, CONCURRENCY = 0.1, 16
PATIENCE_S = 120.0
"""Long enough for any machine: it only keeps a broken program from hanging."""


def start(url: str, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FIT, url, str(cache), str(CONCURRENCY)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def free_port() -> int:
    """A port for a host that is started again and again: answers belong to a host, which its URL names."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def killed_in_the_midst(cache: Path, wanted: int, pause: float, port: int) -> SimulatedLLM:
    """Run the fit until the host has given so many answers and for seconds more, kill it; the host, with its counts."""
    with SimulatedLLM(latency=LATENCY_S, port=port) as llm:
        program = start(llm.url, cache)
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        while llm.statistics.finished.total() < wanted:
            assert program.poll() is None
            time.sleep(0.001)
        time.sleep(pause)
        program.send_signal(signal.SIGKILL)
        program.communicate(timeout=PATIENCE_S)
    return llm


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_kill_nine_again_and_again(kills: int, tmp_path: Path) -> None:
    """Some killed runs of one fit, then one to the end.

    An answer is kept before its place goes to the next request. So of the calls that have reached the host all are kept
    but those that hold a place, and only these are asked twice. That is so in whatever moment the kill comes; most come
    within the first answers of a run, a few before any.
    """
    cache, rng = tmp_path / "answers.sqlite", random.Random(20261123)
    port = free_port()
    answered: Counter[str] = Counter()
    lost: list[int] = []
    for _ in range(kills):
        before = kept(cache)
        statistics = killed_in_the_midst(cache, rng.randrange(8), rng.uniform(0.0, LATENCY_S), port).statistics
        lost.append(statistics.requests - (kept(cache) - before))
        assert 0 <= lost[-1] <= CONCURRENCY
        answered += statistics.finished
    assert answered.total() > 2 * kills  # the kills came in the midst of the work
    with SimulatedLLM(latency=LATENCY_S, port=port) as llm:
        program = start(llm.url, cache)
        said, _ = program.communicate(timeout=PATIENCE_S)
        assert (program.returncode, said) == (0, "ready\ndone\n")
        answered += llm.statistics.finished
        assert answered.total() - len(answered) <= sum(lost)
        assert kept(cache) == len(answered)
        asked = llm.statistics.requests
        assert asked > 0
        start(llm.url, cache).communicate(timeout=PATIENCE_S)
        assert llm.statistics.requests == asked
    sys.stdout.write(f"calls on the wire at each kill: {lost}\n")
