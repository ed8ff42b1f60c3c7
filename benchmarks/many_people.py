"""Fifty people at concurrency 64 with a 200 ms endpoint: utilisation, CPU per call, memory by number of people.

Plain aiohttp keeps such an endpoint 95 % busy, the vendor's SDK 60–68 %. On an idle machine:

    python benchmarks/many_people.py
    python benchmarks/many_people.py --against ../other     # CPU a call in alternate runs with another checkout
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from common import SLOTS, row, server
from personalrm.data.simulated import simulate_people
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis.fitting import Unlearnable, fit_people

PEOPLE = 50
ROUNDS = 5
GROWTH = 4
"""Memory is compared between 50 people and this many times 50."""


def stream(count: int) -> Iterator[History]:
    """Generate people one at a time, like reading them from a file."""
    for seed in range(count):
        yield simulate_people(1, choices=17, seed=seed)[0]


async def run(url: str, count: int, cache: Path) -> tuple[float, float]:
    """Fit them; client CPU seconds and wall seconds, without the time to generate the people."""
    people = list(stream(count)) if count == PEOPLE else stream(count)
    llm = connect("simulated", EndpointOptions(base_url=url, cache=cache, concurrency=SLOTS))
    cpu, wall = time.process_time(), time.perf_counter()
    async for found in fit_people(llm, people, Options()):
        if isinstance(found, Unlearnable):
            raise SystemExit(found.reason)
    took = time.process_time() - cpu, time.perf_counter() - wall
    await llm.aclose()
    return took


def peak_mb(url: str, count: int, cache: Path) -> float:
    """Peak resident memory of a separate process that fits this many people."""
    code = (
        "import asyncio, resource, sys; sys.path.insert(0, sys.argv[4]); from pathlib import Path; import many_people;"
        "asyncio.run(many_people.run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", code, url, str(count), str(cache), here]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def call_ms(checkout: Path, port: int) -> float:
    """Client CPU a call in a process of its own that runs the code and this benchmark of a checkout."""
    code = (
        "import asyncio, sys; sys.path.insert(0, sys.argv[3]); from pathlib import Path; import many_people;"
        "print(asyncio.run(many_people.run(sys.argv[1], many_people.PEOPLE, Path(sys.argv[2])))[0])"
    )
    with tempfile.TemporaryDirectory() as folder, server(port) as host:
        command = [sys.executable, "-c", code, host.url, str(Path(folder) / "a.sqlite"), str(checkout / "benchmarks")]
        environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return 1000 * float(done.stdout) / float(host.stats()["requests"])


def against(other: Path) -> int:
    """Print CPU a call of both in `ROUNDS` alternate runs; 1 if the median ratio is above 1.05."""
    here, ratios = Path(__file__).resolve().parents[1], []
    for turn in range(ROUNDS):
        before, now = call_ms(other.resolve(), 8405 + 2 * turn), call_ms(here, 8406 + 2 * turn)
        ratios.append(now / before)
        row("client CPU a call: other, this", f"{before:.2f}, {now:.2f} ms", "–", True)
    ratio = statistics.median(ratios)
    row("this relative to the other (median)", f"{ratio:.2f} ×", "≤ 1.05 ×", ratio <= 1.05)
    return 0 if ratio <= 1.05 else 1


def main() -> int:
    """Print the rows; 1 if a bar is missed."""
    if "--against" in sys.argv:
        return against(Path(sys.argv[sys.argv.index("--against") + 1]))
    with tempfile.TemporaryDirectory() as folder, server(8403) as host:
        cpu, wall = asyncio.run(run(host.url, PEOPLE, Path(folder) / "many.sqlite"))
        stats = host.stats()
    calls = stats["requests"]
    full, each = stats["fullness"], 1000 * cpu / calls
    row(f"{PEOPLE} people: endpoint full, first to last call", f"{full:.1%}", "≥ 90 %", full >= 0.9)
    row("client CPU a call, prompt to cached verdict", f"{each:.2f} ms", "≤ 1 ms", each <= 1.0)
    row("calls, seconds", f"{calls:,}, {wall:.1f} s", "–", True)
    with tempfile.TemporaryDirectory() as folder, server(8404, latency=0.02) as host:
        few = peak_mb(host.url, PEOPLE + 1, Path(folder) / "few.sqlite")
        many = peak_mb(host.url, GROWTH * PEOPLE, Path(folder) / "more.sqlite")
    flat = many <= 1.1 * few
    row(f"peak memory, {PEOPLE} against {GROWTH * PEOPLE} people", f"{few:.0f} → {many:.0f} MB", "flat (≤ 1.1 ×)", flat)
    return 0 if full >= 0.9 and each <= 1.0 and flat else 1


if __name__ == "__main__":
    sys.exit(main())
