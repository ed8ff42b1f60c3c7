"""`personalrm cluster fit` on two Ray nodes with one core each against one process: time, CPU, the driver's memory.

Simulated people with distinct names, embedded engine. Each part takes less than seven minutes, stores its figures in
``--folder``, and is not repeated; an interrupted ``memory`` part is resumed.

    python benchmarks/cluster_speed.py                                  # the speed part: 6 minutes for 20,000 people
    python benchmarks/cluster_speed.py --folder F --part people         # in steps: people, one, two, memory
    python benchmarks/cluster_speed.py --folder F --part memory --seconds 380     # repeat until it reports completion

On a busy machine the wall-clock ratio is not meaningful, so the CPU seconds of the jobs are compared as well: they give
the ratio on two idle cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import row
from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.preferences import History

POOL = 1_500
"""Simulated people whose choices are reused under new names: more texts than a worker caches."""
A_FILE = 1_000
CHOICES = 6
RATIO, EFFICIENCY, GROWTH = 1.7, 0.85, 1.2
STORE_BYTES = 150_000_000
PARTS = ("people", "one", "two", "memory")
SPEED = PARTS[:3]
DRIVER = """
import resource, signal, sys, time
from pathlib import Path
from personalrm.cluster.executor import InProcess
from personalrm.cluster.fitting import FitOptions
from personalrm.cluster.on_ray import OnRay
from personalrm.cluster.running import FitRun, run_over_people
from personalrm.cluster.splitting import input_files
from personalrm.errors import Interrupted

def stop(*_):
    raise KeyboardInterrupt

files, out, address = tuple(input_files([sys.argv[1]])), Path(sys.argv[2]), sys.argv[3]
signal.signal(signal.SIGALRM, stop)
signal.alarm(int(sys.argv[4]))
ended = 0
with OnRay(address) if address else InProcess() as executor:
    began = time.perf_counter()
    try:
        ended = run_over_people(FitRun(files, out, FitOptions()), executor).shards
    except Interrupted:
        pass
    took = time.perf_counter() - began
    own = time.process_time()
print(took, executor.cpu_s, own, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, ended)
"""
FAIR = {"RAY_worker_niceness": "0"}
"""Ray's workers run at niceness 15: on a busy machine they would get almost no CPU time."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}


def write_people(folder: Path, count: int, choices: int, tokens: tuple[int, int]) -> None:
    """Write files of a thousand people each, with prompts and responses of this many tokens."""
    if folder.exists():
        return
    small = folder.with_name(f"{folder.name}.partial")
    small.mkdir(exist_ok=True)
    prompt, response = tokens
    pool: list[History] = simulate_people(
        min(POOL, count), choices=choices, seed=1, prompt_tokens=prompt, response_tokens=response
    )
    for first in range(0, count, A_FILE):
        rows = (
            replace(one, user=f"simulated-{number}", id=f"{number}-{place}")
            for number in range(first, min(first + A_FILE, count))
            for place, one in enumerate(pool[number % len(pool)].choices)
        )
        write_choices(small / f"{first:08d}.jsonl.gz", rows)
    small.rename(folder)


def run(folder: Path, out: Path, address: str = "", seconds: int = 0) -> dict[str, float]:
    """Seconds, CPU seconds of the jobs and of the driver, its peak memory in MB, and the shards (0: interrupted).

    Args:
        seconds: time limit after which the run is interrupted, to be resumed; 0: no limit.
    """
    command = [sys.executable, "-c", DRIVER, str(folder), str(out), address, str(seconds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **ONE_THREAD})
    names = ("seconds", "cpu", "driver_cpu", "driver_mb", "shards")
    return dict(zip(names, map(float, done.stdout.split()[-len(names) :]), strict=True))


@contextlib.contextmanager
def two_nodes() -> Iterator[str]:
    """Start a Ray cluster on this machine, with a head without cores and two nodes with one core; yields its
    address."""
    os.environ |= {**ONE_THREAD, **FAIR}
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": STORE_BYTES, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    try:
        for _ in range(2):
            nodes.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        yield nodes.address
    finally:
        nodes.shutdown()


def is_same(one: Path, other: Path) -> bool:
    """Whether two runs wrote identical files."""
    names = sorted(each.name for each in one.glob("profiles-*"))
    return bool(names) and all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


class Figures:
    """The measured figures, stored in the folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "figures.json"
        self.known: dict[str, dict[str, Any]] = json.loads(self._path.read_bytes()) if self._path.exists() else {}

    def keep(self, part: str, found: dict[str, Any]) -> None:
        """Store the figures of one part."""
        self.known[part] = {**found, "load": os.getloadavg()[1]}
        self._path.write_text(json.dumps(self.known, indent=1))
        print(f"{part}: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()), flush=True)


def speed(folder: Path, parts: tuple[str, ...], figures: Figures, people: int) -> bool:
    """Run with one process, then with two nodes; returns True when both are measured."""
    if "people" in parts:
        write_people(folder / "in", people, CHOICES, (60, 120))
    if "one" in parts and "one" not in figures.known:
        figures.keep("one", run(folder / "in", folder / "one"))
    if "two" in parts and "two" not in figures.known:
        with two_nodes() as address:
            figures.keep("two", run(folder / "in", folder / "two", address))
    one, two = figures.known.get("one"), figures.known.get("two")
    return told(one, two, people, is_same(folder / "one", folder / "two")) if one and two else True


def told(one: dict[str, Any], two: dict[str, Any], people: int, same: bool) -> bool:
    """Print the rows; returns whether the bar is met: in wall time on an idle machine, else in CPU time."""
    idle = max(one["load"], two["load"]) < 2.5
    ratio, efficiency = one["seconds"] / two["seconds"], one["cpu"] / two["cpu"]
    wall = f"{RATIO}" if idle else f"{RATIO} on an idle machine (load {one['load']:.1f}, {two['load']:.1f})"
    took = f"{one['seconds']:.0f} s / {two['seconds']:.0f} s = {ratio:.2f}"
    row(f"{people:,} people: one process / two nodes", took, wall, ratio >= RATIO)
    cpu = f"{one['cpu']:.0f} s / {two['cpu']:.0f} s = {efficiency:.2f}"
    row("CPU of the jobs: one process / two nodes", cpu, f"{EFFICIENCY}", efficiency >= EFFICIENCY)
    row("two idle cores would give", f"{2 * efficiency:.2f}", f"{RATIO}", 2 * efficiency >= RATIO)
    row("CPU a person", f"{one['cpu'] / people * 1e3:.1f} ms", "-", True)
    row("CPU of the process that drives the run", f"{two['driver_cpu']:.1f} s", "-", True)
    row("the same bytes", str(same), "True", same)
    return same and (ratio >= RATIO if idle else 2 * efficiency >= RATIO)


def memory(folder: Path, counts: list[int], figures: Figures, seconds: int) -> bool:
    """Memory of the driver, for people with one short choice each; the maximum over all pieces of a run."""
    with two_nodes() as address:
        for count in counts:
            before = figures.known.get(f"memory-{count}", {"driver_mb": 0.0, "shards": 0.0})
            if before["shards"]:
                continue
            write_people(folder / f"in-{count}", count, 1, (8, 12))
            found = run(folder / f"in-{count}", folder / f"out-{count}", address, seconds)
            found["driver_mb"] = max(found["driver_mb"], before["driver_mb"])
            figures.keep(f"memory-{count}", found)
            if not found["shards"]:
                print("stopped: run the same command again to go on")
                return True
    found = [figures.known[f"memory-{count}"]["driver_mb"] for count in counts]
    growth = found[-1] / found[0]
    shown = ", ".join(f"{one:.0f} MB" for one in found)
    row(f"driver with {', '.join(f'{one:,}' for one in counts)} people", shown, f"{GROWTH} times", growth <= GROWTH)
    return growth <= GROWTH


def main() -> int:
    """Print the rows; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--part", choices=PARTS, help="run only this part (default: the speed parts)")
    parser.add_argument("--folder", type=Path, help="folder for people, results and figures (default: temporary)")
    parser.add_argument("--memory", default="10000,100000", help="numbers of people")
    parser.add_argument("--seconds", type=int, default=0, help="time limit of the memory part")
    given = parser.parse_args()
    parts = (given.part,) if given.part else SPEED
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        figures = Figures(folder)
        if given.part == "memory":
            return 0 if memory(folder, [int(one) for one in given.memory.split(",")], figures, given.seconds) else 1
        return 0 if speed(folder, parts, figures, given.people) else 1


if __name__ == "__main__":
    raise SystemExit(main())
