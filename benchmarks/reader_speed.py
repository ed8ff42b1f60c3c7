"""Speed of reading files of choices: 1,000,000 choices in personalrm's format and in `prompt`, `chosen`, `rejected`.

Each file is read in a separate process, so that its peak memory can be measured; seconds are CPU seconds of one core. A
reference task (fixed parsing and string work) runs before and after each measurement, because a busy machine slows
both equally. The texts are generated: the figures are time and memory only.

    python benchmarks/reader_speed.py                   # 1,000,000 choices, bars: 20 s and 100 MB
    python benchmarks/reader_speed.py --choices 100000
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import row

MOST_S, MOST_MB = 20.0, 100.0  # bars for a million choices
PACE_S = 0.12  # time of `reference` on an idle core of the machine on which the bar was set
WORDS = (
    "the",
    "egg",
    "is",
    "boiled",
    "in",
    "water",
    "for",
    "eight",
    "minutes",
    "and",
    "then",
    "cooled",
    "held",
    "cold",
)


def ours(number: int, draw: Callable[[], str]) -> dict[str, Any]:
    context = [{"role": "user", "content": draw()}]
    about = {"user": f"u{number // 100}", "id": str(number), "group": f"g{number // 5}"}
    return {**about, "context": context, "chosen": f"{draw()} {number}", "rejected": draw()}


def plain(number: int, draw: Callable[[], str]) -> dict[str, Any]:
    return {"user": f"u{number // 100}", "prompt": draw(), "chosen": f"{draw()} {number}", "rejected": draw()}


def sides(number: int, draw: Callable[[], str]) -> dict[str, Any]:
    return {
        "annotator": f"u{number // 100}",
        "prompt": draw(),
        "response_a": f"{draw()} {number}",
        "response_b": draw(),
        "winner": ("model_a", "model_b", "tie")[number % 3],
    }


FORMATS = {"our format": ours, "prompt, chosen, rejected": plain, "two responses and a winner": sides}


def reference() -> float:
    """Seconds for a fixed amount of parsing and string work, measured now."""
    line = json.dumps({"a": [{"role": "user", "content": " ".join(WORDS * 4)}]})
    start = time.process_time()
    for _ in range(60_000):
        json.loads(line)["a"][0]["content"].split(" ", 3)
    return time.process_time() - start


def write(path: Path, count: int, kind: Callable[[int, Callable[[], str]], dict[str, Any]]) -> None:
    drawn = random.Random(0)
    pool = [" ".join(drawn.choices(WORDS, k=drawn.randrange(10, 40))) for _ in range(5_000)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(json.dumps(kind(number, lambda: drawn.choice(pool))) + "\n")


def measure(path: str) -> dict[str, float]:
    """Read the file in this process."""
    from personalrm.data.reading import read_choices

    pace, start = reference(), time.process_time()
    count = sum(1 for _ in read_choices(path))
    taken = time.process_time() - start
    pace = 0.5 * (pace + reference())
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {"choices": count, "seconds": taken, "pace": pace, "peak_mb": int(peak.split()[1]) / 1024}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    options.add_argument("--choices", type=int, default=1_000_000)
    options.add_argument("--read", help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.read:
        print(json.dumps(measure(asked.read)))
        return
    for name, kind in FORMATS.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "choices.jsonl"
            write(path, asked.choices, kind)
            command = [sys.executable, __file__, "--read", str(path)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        share = asked.choices / 1_000_000
        idle = found["seconds"] * min(PACE_S / found["pace"], 1.0)
        said = f"{found['seconds']:.1f} s (idle {idle:.1f} s)"
        row(f"{name}: {asked.choices:,} choices", said, f"{MOST_S * share:g} s", idle <= MOST_S * share)
        row("  peak memory", f"{found['peak_mb']:.0f} MB", f"{MOST_MB:g} MB", found["peak_mb"] <= MOST_MB)


if __name__ == "__main__":
    main()
