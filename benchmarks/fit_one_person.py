"""One person, 12 training and 5 validation pairs (150-token prompts, 250-token responses), a 200 ms endpoint on
localhost.

The released code needs 177 requests, 709k prompt and 24k completion tokens, 4.4–6.4 s and 3–5 s of client CPU here.
Run it on an idle machine:  python benchmarks/fit_one_person.py
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import row, server
from personalrm.data.simulated import simulate_people
from personalrm.llm.connect import EndpointOptions, connect
from personalrm.profile.options import Options
from personalrm.synthesis.fitting import fit

RUNS = 5
BARS = {
    "paper": {"requests": 150, "wall": 2.0, "cpu": 0.9},
    "default": {"requests": 80, "prompt": 250_000, "completion": 6_000, "wall": 1.5, "share": 0.65},
}


async def once(url: str, preset: str, seed: int, cache: Path) -> tuple[float, float]:
    """Fit one person; wall and client CPU seconds."""
    history = simulate_people(1, choices=17, seed=seed)[0]
    llm = connect("simulated", EndpointOptions(base_url=url, cache=cache))
    wall, cpu = time.perf_counter(), time.process_time()
    await fit(llm, history, Options(preset=preset))  # type: ignore[arg-type]
    took = time.perf_counter() - wall, time.process_time() - cpu
    await llm.aclose()
    return took


def measure(preset: str, port: int) -> bool:
    """Fit several people, each with an empty cache, then one of them again."""
    found: list[dict[str, Any]] = []
    with server(port) as host, tempfile.TemporaryDirectory() as folder:
        for seed in range(RUNS):
            host.reset()
            cache = Path(folder) / f"{seed}.sqlite"
            wall, cpu = asyncio.run(once(host.url, preset, seed, cache))
            found.append({**host.stats(), "wall": wall, "cpu": cpu})
        host.reset()
        asyncio.run(once(host.url, preset, RUNS - 1, cache))
        again = host.stats()["requests"]

    def worst(name: str) -> float:
        return max(one[name] for one in found)

    middle = {name: statistics.median(one[name] for one in found) for name in ("wall", "cpu")}
    share = min(one["prefix_share"] for one in found)
    bars = BARS[preset]
    checks = [
        ("requests (most of the runs)", f"{worst('requests'):.0f}", "requests", worst("requests")),
        ("prompt tokens (most)", f"{worst('prompt_tokens'):,.0f}", "prompt", worst("prompt_tokens")),
        ("completion tokens (most)", f"{worst('completion_tokens'):,.0f}", "completion", worst("completion_tokens")),
        ("wall, s (median)", f"{middle['wall']:.2f}", "wall", middle["wall"]),
        ("client CPU, s (median)", f"{middle['cpu']:.2f}", "cpu", middle["cpu"]),
    ]
    passed = True
    for name, shown, key, value in checks:
        bar = bars.get(key)
        passed &= bar is None or value <= bar
        row(f"{preset}: {name}", shown, "–" if bar is None else f"≤ {bar:,}", bar is None or value <= bar)
    least = bars.get("share")
    passed &= least is None or share >= least
    row(
        f"{preset}: prompt already seen (least)",
        f"{share:.1%}",
        f"≥ {least:.0%}" if least else "–",
        share >= (least or 0),
    )
    row(f"{preset}: second identical run, requests", str(again), "0", again == 0)
    return passed and again == 0


if __name__ == "__main__":
    sys.exit(0 if all([measure("default", 8401), measure("paper", 8402)]) else 1)
