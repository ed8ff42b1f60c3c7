"""A benchmark run of 100 people × 4 methods at 200 ms: endpoint utilisation, CPU, memory, and recovery after kill -9.

    python benchmarks/bench_run.py [prism.jsonl.gz]

With a file of real people, the run without a model is timed as well. Run it on an idle machine.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from common import SLOTS, row, server
from personalrm.bench.plan import Design
from personalrm.bench.running import arun
from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.preferences import History

PEOPLE, GROWTH, TIMES = 100, 4, 10
METHODS = ["longer", "default", "history", "synthesizeme"]
CHOICES = 20


def stream(count: int) -> Iterator[History]:
    """Generate people one at a time, like reading them from a file."""
    for seed in range(count):
        yield simulate_people(1, choices=CHOICES, seed=seed)[0]


async def run(url: str, count: int, folder: Path, held: bool) -> tuple[float, float]:
    """Run the methods; client CPU and wall seconds."""
    people = tuple(stream(count)) if held else ()
    llm = connect("simulated", EndpointOptions(base_url=url, cache=folder / "answers.sqlite", concurrency=SLOTS))
    cpu, wall = time.process_time(), time.perf_counter()
    source = (lambda: people) if held else (lambda: stream(count))
    await arun(source, METHODS, Design("context-target"), models=[llm], folder=folder / "run")
    took = time.process_time() - cpu, time.perf_counter() - wall
    await llm.aclose()
    return took


def peak_mb(url: str, count: int) -> float:
    """Peak resident memory of a separate process that runs this many people, generated one at a time."""
    code = (
        "import asyncio, resource, sys; sys.path.insert(0, sys.argv[4]); from pathlib import Path; import bench_run;"
        "asyncio.run(bench_run.run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), False));"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code, url, str(count), folder, str(Path(__file__).parent)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def fullness() -> int:
    """Print the utilisation of the endpoint; 1 if a bar is missed."""
    with tempfile.TemporaryDirectory() as folder, server(8408) as host:
        cpu, wall = asyncio.run(run(host.url, PEOPLE, Path(folder), True))
        stats = host.stats()
    full, calls = stats["fullness"], stats["requests"]
    row(f"{PEOPLE} people × {len(METHODS)} methods: endpoint full", f"{full:.1%}", "≥ 90 %", full >= 0.9)
    row("calls, seconds, client CPU a call", f"{calls:,}, {wall:.0f} s, {1000 * cpu / calls:.2f} ms", "–", True)
    return int(full < 0.9)


def memory() -> int:
    """Print peak memory for few and for many people; 1 if it grows."""
    with server(8409, latency=0.005) as host:
        few, many = peak_mb(host.url, PEOPLE), peak_mb(host.url, GROWTH * PEOPLE)
    flat = many <= 1.1 * few
    row(f"peak memory, {PEOPLE} against {GROWTH * PEOPLE} people", f"{few:.0f} → {many:.0f} MB", "flat (≤ 1.1 ×)", flat)
    return int(not flat)


def kills() -> int:
    """Kill a run ten times with SIGKILL, resume it, and compare the tables with those of an uninterrupted run."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as place, server(8410, latency=0.02) as host:
        folder = Path(place)
        write_choices(folder / "people.jsonl", (one for person in stream(20) for one in person))
        finish(command(host.url, folder, "calm"))
        needed = host.stats()["requests"]
        host.reset()
        killed = 0
        for _ in range(TIMES):
            process = subprocess.Popen(command(host.url, folder, "killed"), stdout=-3, stderr=-3)
            time.sleep(draw.uniform(0.8, 1.6))
            killed += process.poll() is None
            process.kill()
            process.wait()
        finish(command(host.url, folder, "killed"))
        repeated = host.stats()["requests"] - needed
        same = all(
            (folder / "calm" / name).read_bytes() == (folder / "killed" / name).read_bytes()
            for name in ("results.json", "pairs.jsonl")
        )
    most = killed * SLOTS
    row("kill -9: runs really killed", f"{killed} of {TIMES}", "–", True)
    row("kill -9: requests more than without", f"{repeated} of {needed:,}", f"≤ {most} on the wire", repeated <= most)
    row("kill -9: tables byte for byte the same", str(same), "True", same)
    return int(not same or repeated > most)


def command(url: str, folder: Path, name: str) -> list[str]:
    """`personalrm bench` on the people of a folder, with a separate cache and output."""
    return [
        sys.executable, "-m", "personalrm", "bench", str(folder / "people.jsonl"), "--methods", ",".join(METHODS),
        "--protocol", "context-target", "--model", "simulated", "--base-url", url, "--out", str(folder / name),
        "--cache", str(folder / f"{name}.sqlite"), "--concurrency", str(SLOTS),
    ]  # fmt: skip


def finish(parts: list[str]) -> None:
    """Run to completion."""
    subprocess.run(parts, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def offline(data: str) -> int:
    """Time the methods without a model on real people; 1 above 20 s."""
    began = time.perf_counter()
    finish([sys.executable, "-m", "personalrm", "bench", data, "--methods", "longer,population,traits"])
    seconds = time.perf_counter() - began
    row(f"{Path(data).name}: longer, population, traits", f"{seconds:.1f} s", "< 20 s", seconds < 20)
    return int(seconds >= 20)


def main() -> int:
    """Return 1 if a bar is missed."""
    missed = sum(offline(one) for one in sys.argv[1:2])
    return int(missed + fullness() + memory() + kills() > 0)


if __name__ == "__main__":
    sys.exit(main())
