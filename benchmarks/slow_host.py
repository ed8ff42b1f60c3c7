"""A model on a CPU: 4 concurrent requests, reading 30 and writing 2 tokens per second, no errors, unlimited queue.

The clocks of host and client run SPEED times as fast, so that an hour takes minutes. The minimum time is the work for
the requested tokens with all four slots busy. Run it on an idle machine:  python benchmarks/slow_host.py
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from common import row, server
from personalrm.data.simulated import simulate_people
from personalrm.llm import http_client, openai, pace, scheduler
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.profile.options import Options
from personalrm.synthesis.fitting import fit

SPEED = 20
SERVES, READS, WRITES = 4, 30, 2
MOST = 1.2


def hurry() -> float:
    """Shorten all timeouts of the client for slow hosts by SPEED; returns the default timeout."""
    openai.PATIENCE_S /= SPEED
    scheduler.MATTERS_S /= SPEED
    http_client.STANDS_S /= SPEED
    pace.DEFAULT_TIMEOUT_S /= SPEED
    return pace.DEFAULT_TIMEOUT_S


async def run(url: str, preset: str, cache: Path, patience: float) -> float:
    """Fit one person; wall seconds."""
    history = simulate_people(1, choices=17, seed=1)[0]
    llm = connect("simulated", EndpointOptions(base_url=url, cache=cache, timeout=patience))
    began = time.perf_counter()
    await fit(llm, history, Options(preset=preset))  # type: ignore[arg-type]
    took = time.perf_counter() - began
    await llm.aclose()
    return took


def main() -> int:
    """Print the rows; 1 if a bar is missed."""
    timeout, passed = hurry(), True
    flags = ("--serves", str(SERVES), "--reads", str(READS * SPEED), "--writes", str(WRITES * SPEED))
    for preset in ("frugal", "default"):
        with tempfile.TemporaryDirectory() as folder, server(8406, *flags, latency=0.0) as host:
            took = asyncio.run(run(host.url, preset, Path(folder) / "a.sqlite", timeout))
            stats = host.stats()
            with urllib.request.urlopen(f"{host.root}/stats?bodies=1") as answer:
                most = max(json.load(answer)["bodies"].values())
        needs = (stats["prompt_tokens"] / READS + stats["completion_tokens"] / WRITES) / SERVES / SPEED
        statuses, ratio = stats["statuses"], took / needs
        fine = set(statuses) == {"200"} and most == 1
        row(f"{preset}: requests, all answered, none twice", f"{statuses}", "200 only", fine)
        row(f"{preset}: time", f"{took * SPEED / 60:.0f} min", "–", True)
        row(f"{preset}: against what the host needs", f"{ratio:.2f} ×", f"≤ {MOST} ×", ratio <= MOST)
        passed &= fine and (ratio <= MOST or preset == "frugal")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
