"""kill -9 at random moments of a real fit: finishing afterwards repeats no call whose answer had arrived."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from answers_kept import kept

from personalrm.llm.simulated import SimulatedLLM
from personalrm.llm.simulated.statistics import Statistics

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


def killed_in_the_midst(llm: SimulatedLLM, cache: Path, wanted: int, pause: float) -> Statistics:
    """Run the fit until the host has given so many answers and for seconds more, kill it; the counts of the host."""
    counts = llm.statistics = Statistics()
    program = start(llm.url, cache)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    while counts.finished.total() < wanted:
        assert program.poll() is None
        time.sleep(0.001)
    time.sleep(pause)
    program.send_signal(signal.SIGKILL)
    program.communicate(timeout=PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while counts.active and time.monotonic() < deadline:
        time.sleep(0.005)
    return counts


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_kill_nine_again_and_again(kills: int, tmp_path: Path) -> None:
    """Some killed runs of one fit, then one to the end.

    An answer is kept before its place goes to the next request. So of the calls that have reached the host all are kept
    but those that hold a place, and only these are asked twice. That is so in whatever moment the kill comes; most come
    within the first answers of a run, a few before any.
    """
    cache, rng = tmp_path / "answers.sqlite", random.Random(20261123)
    answered: Counter[str] = Counter()
    lost: list[int] = []
    with SimulatedLLM(latency=LATENCY_S) as llm:
        for _ in range(kills):
            before = kept(cache)
            statistics = killed_in_the_midst(llm, cache, rng.randrange(1, 8), rng.uniform(0.0, LATENCY_S))
            lost.append(statistics.requests - (kept(cache) - before))
            assert 0 <= lost[-1] <= CONCURRENCY
            answered += statistics.finished
        assert answered.total() >= kills  # the kills came in the midst of the work
        llm.statistics = Statistics()
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
