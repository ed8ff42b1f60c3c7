"""SIGKILL at a random moment of a fit, ten times: does resuming repeat a completed request?

The server counts how often it completed each distinct request; the client's cache shows which answers had arrived at
the signal. An answer that was in transit between the two must be requested again, and is counted separately.

    python benchmarks/kill_and_resume.py
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import row, server
from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.llm.cache import AnswerCache

TIMES = 10
SHORTEST_S, LONGEST_S = 0.6, 1.8
"""Time from start to signal; a fit including startup takes about 1.7 s."""


def answers(cache: Path) -> int:
    """Number of answers in a cache."""
    if not cache.exists():
        return 0
    found = AnswerCache(cache)
    try:
        return len(found)
    finally:
        found.close()


def main() -> int:
    """Kill, resume, count."""
    draw = random.Random(0)
    killed = repeated = arrived = on_the_way = 0
    with tempfile.TemporaryDirectory() as folder, server(8405) as host:
        for number in range(TIMES):
            choices = Path(folder) / f"{number}.jsonl"
            write_choices(choices, simulate_people(1, choices=17, seed=number)[0])
            command = [sys.executable, "-m", "personalrm", "fit", str(choices), "--model", "simulated"]
            command += ["--base-url", host.url, "--cache", f"{folder}/{number}.sqlite"]
            host.reset()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(SHORTEST_S, LONGEST_S))
            killed += process.poll() is None
            process.kill()
            process.wait()
            kept = answers(Path(command[-1]))
            arrived += kept
            on_the_way += host.stats()["finished"] - kept
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            repeated += host.stats()["repeated"]
    row("kill -9: runs really killed", f"{killed} of {TIMES}", "–", True)
    row("kill -9: answers that had arrived", f"{arrived:,}", "–", True)
    row("kill -9: answers on their way at the signal", str(on_the_way), "–", True)
    again = repeated - on_the_way
    row("kill -9: arrived answers asked again", str(again), "0", again <= 0)
    return int(again > 0)


if __name__ == "__main__":
    sys.exit(main())
