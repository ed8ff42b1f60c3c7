"""`personalrm cluster fit` on two Ray nodes of one core each against one process: time, CPU, and the driver's memory.

Simulated people under names of their own, embedded engine. On a machine with other work the wall-clock ratio says
little, so the CPU seconds of the jobs are compared as well: what two idle cores would make of them.

    python benchmarks/cluster_speed.py [--people 20000] [--memory 10000,100000]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from common import row
from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.preferences import History

POOL = 1_500
"""Simulated people whose choices all others get under their own names: more texts than a worker remembers."""
A_FILE = 1_000
CHOICES = 6
RATIO, EFFICIENCY, GROWTH = 1.7, 0.85, 1.2
STORE_BYTES = 150_000_000
DRIVER = """
import resource, sys, time
from pathlib import Path
from personalrm.cluster.executor import InProcess
from personalrm.cluster.fitting import FitOptions
from personalrm.cluster.on_ray import OnRay
from personalrm.cluster.running import FitRun, run_over_people
from personalrm.cluster.splitting import input_files

files, out, address = tuple(input_files([sys.argv[1]])), Path(sys.argv[2]), sys.argv[3]
with OnRay(address) if address else InProcess() as executor:
    began = time.perf_counter()
    run_over_people(FitRun(files, out, FitOptions()), executor)
    took = time.perf_counter() - began
print(took, executor.cpu_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def write_people(folder: Path, count: int, pool: list[History], choices: int) -> None:
    """Files of a thousand people each."""
    folder.mkdir()
    for first in range(0, count, A_FILE):
        rows = (
            replace(one, user=f"simulated-{number}", id=f"{number}-{place}")
            for number in range(first, min(first + A_FILE, count))
            for place, one in enumerate(pool[number % len(pool)].choices[:choices])
        )
        write_choices(folder / f"{first:08d}.jsonl.gz", rows)


def run(folder: Path, out: Path, address: str = "") -> tuple[float, float, float]:
    """Seconds, CPU seconds of the jobs, and MB of the process that drives the run."""
    command = [sys.executable, "-c", DRIVER, str(folder), str(out), address]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **ONE_THREAD})
    seconds, cpu, memory = done.stdout.split()[-3:]
    return float(seconds), float(cpu), float(memory)


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}


def is_same(one: Path, other: Path) -> bool:
    """Whether two runs wrote the same files."""
    names = sorted(each.name for each in one.glob("profiles-*"))
    return bool(names) and all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def main() -> int:
    """Print the rows; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--memory", default="10000,100000", help="numbers of people; empty measures no memory")
    given = parser.parse_args()
    os.environ |= ONE_THREAD
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": STORE_BYTES, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    pool = simulate_people(min(POOL, given.people), choices=CHOICES, seed=1, prompt_tokens=60, response_tokens=120)
    fine = True
    try:
        for _ in range(2):
            nodes.add_node(num_cpus=1, object_store_memory=STORE_BYTES)
        with tempfile.TemporaryDirectory() as name:
            fine &= speed(Path(name), given.people, pool, nodes.address)
            if given.memory:
                fine &= memory(Path(name), [int(one) for one in given.memory.split(",")], pool, nodes.address)
    finally:
        nodes.shutdown()
    return 0 if fine else 1


def speed(folder: Path, people: int, pool: list[History], address: str) -> bool:
    """One process, then two nodes."""
    idle = os.getloadavg()[0] < 1.0
    write_people(folder / "in", people, pool, CHOICES)
    alone, cpu_alone, _ = run(folder / "in", folder / "one")
    print(f"one process: {alone:.0f} s, {cpu_alone:.0f} s of CPU", flush=True)
    two, cpu_two, _ = run(folder / "in", folder / "two", address)
    ratio, efficiency = alone / two, cpu_alone / cpu_two
    same = is_same(folder / "one", folder / "two")
    wall = f"{RATIO}" if idle else f"{RATIO} on an idle machine (load {os.getloadavg()[0]:.1f})"
    row(
        f"{people:,} people: one process / two nodes",
        f"{alone:.0f} s / {two:.0f} s = {ratio:.2f}",
        wall,
        ratio >= RATIO,
    )
    row(
        "CPU of the jobs: one process / two nodes",
        f"{cpu_alone:.0f} s / {cpu_two:.0f} s",
        f"{EFFICIENCY}",
        efficiency >= EFFICIENCY,
    )
    row("two idle cores would give", f"{2 * efficiency:.2f}", f"{RATIO}", 2 * efficiency >= RATIO)
    row("CPU a person", f"{cpu_alone / people * 1e3:.1f} ms", "-", True)
    row("the same bytes", str(same), "True", same)
    return same and (ratio >= RATIO if idle else 2 * efficiency >= RATIO)


def memory(folder: Path, counts: list[int], pool: list[History], address: str) -> bool:
    """Of the process that drives the run, for people with one choice each."""
    found = []
    for count in counts:
        write_people(folder / f"in-{count}", count, pool, 1)
        found.append(run(folder / f"in-{count}", folder / f"out-{count}", address)[2])
    growth = found[-1] / found[0]
    shown = ", ".join(f"{one:.0f} MB" for one in found)
    row(f"driver with {', '.join(f'{one:,}' for one in counts)} people", shown, f"{GROWTH} times", growth <= GROWTH)
    return growth <= GROWTH


if __name__ == "__main__":
    raise SystemExit(main())
