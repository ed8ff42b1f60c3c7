"""Cost of one person's choices: fit and update for 500 to 20,000 choices, and a bench of 60,000 choices.

Each size runs in a separate process, so that its peak memory can be measured; seconds are CPU seconds of one core. A
reference task (fixed string and matrix work) runs before and after each measurement, and growth is measured relative
to it, because a busy machine slows both equally. All people are simulated: the figures are time and memory, not
accuracy.

    python benchmarks/cost_per_person.py                       # fit and update, 500 … 20,000 choices
    python benchmarks/cost_per_person.py --bench               # also bench longer,population,traits, 3,000 × 20
    python benchmarks/cost_per_person.py --encoder             # traits+encoder (extra `encoder`), up to 1,000 choices
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

from common import row  # noqa: E402

SIZES = (500, 1_000, 2_000, 4_000, 8_000, 20_000)
ENCODER_SIZES = (250, 500, 1_000)
PEOPLE, CHOICES = 3_000, 20
MOST_GROWTH = 2.3  # ratio of times for twice as many choices
REPEATS, MOST_REPEATED = 5, 10_000  # repetitions per size, and maximum choices over them


def reference() -> float:
    """Seconds for a fixed amount of string and matrix work, measured now."""
    import numpy as np

    text = "One word and another, again and again. " * 30
    matrix = np.random.default_rng(0).normal(size=(400, 400))
    start = time.process_time()
    for _ in range(4_000):
        words = text.lower().split()
        len(set(words))
    for _ in range(20):
        matrix @ matrix
    return time.process_time() - start


def measure(choices: int, each: int, encoder: bool) -> dict[str, float]:
    """Measure fit, profile and update of one person in this process; ``each`` choices share a group."""
    from personalrm.data.simulated import simulate_people
    from personalrm.models.traits import TraitsModel

    (history,) = simulate_people(1, choices=choices, seed=1, groups=each)
    if not encoder:  # exclude the imports of the first fit in a process
        TraitsModel.shipped().fit(*simulate_people(1, choices=50, seed=2)).profile()
    model = TraitsModel.shipped(encoder=encoder)
    pace, start = reference(), time.process_time()
    profile = model.fit(history).profile()
    fitted = time.process_time()
    TraitsModel.from_profile(profile).fit(history).profile()
    updated = time.process_time()
    pace = 0.5 * (pace + reference())
    return {"fit": fitted - start, "update": updated - fitted, "pace": pace, "peak_mb": peak_mb()}


def fastest(choices: int, each: int, encoder: bool) -> dict[str, Any]:
    """`measure` in fresh processes, which have cached no text; for small sizes, the fastest of several."""
    repeats = 1 if encoder else max(1, min(REPEATS, MOST_REPEATED // choices))
    words = ("--measure", choices, "--each", each, *(["--encoder"] if encoder else []))
    return min((in_a_process(*words) for _ in range(repeats)), key=lambda one: one["fit"] / one["pace"])


def peak_mb() -> float:
    """Largest resident size of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def write_people(path: Path) -> None:
    """Write the simulated people of the bench; in another process, because their texts would count as its memory."""
    from personalrm.data.simulated import simulate_people
    from personalrm.data.writing import write_choices

    write_choices(path, (one for person in simulate_people(PEOPLE, choices=CHOICES, seed=1) for one in person))
    print(json.dumps({"path": str(path)}))


def bench_run() -> dict[str, float]:
    """Run ``bench`` with longer, population and traits on many people, read from a file."""
    from personalrm.bench.plan import Design
    from personalrm.bench.running import run
    from personalrm.data.reading import read_people

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "people.jsonl"
        in_a_process("--write", path)
        before = peak_mb()
        start = time.process_time()
        result = run(lambda: read_people(path), ["longer", "population", "traits"], Design(data=path.name))
        rows = result.rows()
        seconds = time.process_time() - start
    return {"seconds": seconds, "peak_mb": peak_mb(), "before_mb": before, "pairs": float(rows[0].pairs)}


def in_a_process(*words: object) -> dict[str, Any]:
    """Run one measurement in a new process."""
    answer = subprocess.run([sys.executable, __file__, *map(str, words)], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def fits(sizes: tuple[int, ...], each: int, encoder: bool) -> None:
    """Print one row per size, with the growth from the previous size."""
    before: tuple[int, dict[str, Any]] | None = None
    for choices in sizes:
        one = fastest(choices, each, encoder)
        name = f"{choices:,} choices, {each} a group: fit"
        limit = {1_000: 1.0, 20_000: 20.0}.get(choices) if not encoder else None
        told = f"{one['fit']:.2f} s, {one['peak_mb']:.0f} MB"
        ok = one["fit"] <= (limit or math.inf) and one["peak_mb"] <= 500
        row(name, told, f"≤ {limit} s, 500 MB" if limit else "500 MB", ok)
        if before is not None:
            ratio = (one["fit"] / one["pace"]) / (before[1]["fit"] / before[1]["pace"])
            growth = ratio ** (1.0 / math.log2(choices / before[0]))
            row("  growth for each doubling", f"{growth:.2f} ×", f"≤ {MOST_GROWTH} ×", growth <= MOST_GROWTH)
        row("  update", f"{one['update']:.2f} s", "(none)", ok=True)
        before = choices, one


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--measure", type=int)
    parser.add_argument("--measure-bench", action="store_true")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--bench", action="store_true")
    parser.add_argument("--encoder", action="store_true")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.each, given.encoder)))
    elif given.write:
        write_people(given.write)
    elif given.measure_bench:
        print(json.dumps(bench_run()))
    elif given.bench:
        one = in_a_process("--measure-bench")
        name = f"bench, {one['pairs']:,.0f} choices of {PEOPLE:,} people"
        row(name, f"{one['seconds']:.0f} s", "≤ 120 s", one["seconds"] <= 120)
        row("  peak memory", f"{one['peak_mb']:.0f} MB", "≤ 1,024 MB", one["peak_mb"] <= 1024)
    else:
        fits(ENCODER_SIZES if given.encoder else SIZES, given.each, given.encoder)


if __name__ == "__main__":
    main()
