"""Startup time, size of a core installation, and peak memory of a fit. Medians of nine runs.

The released code needs 5.8 s of CPU to import and 430 MB.  python benchmarks/startup.py [--install]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path

from common import row, server
from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices

RUNS = 9
ROOT = Path(__file__).resolve().parents[1]


def median_wall(command: Sequence[str]) -> float:
    """Median wall seconds of a process."""
    took = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - start)
    return statistics.median(took[1:])  # the first run fills the disk cache


def peak_mb(command: Sequence[str]) -> float:
    """Peak resident memory of a process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[:4]} failed")
    return usage.ru_maxrss / 1024


def core_packages(folder: Path) -> int:
    """Number of packages in a new environment with personalrm only (without pip)."""
    venv.create(folder, with_pip=True)
    pip = str(folder / "bin" / "pip")
    subprocess.run([pip, "install", "--quiet", str(ROOT)], check=True)
    listed = subprocess.run([pip, "list", "--format", "json"], check=True, capture_output=True, text=True).stdout
    return len([one for one in json.loads(listed) if one["name"] not in ("pip", "setuptools", "wheel")])


def main() -> int:
    """Print the rows; 1 if a bar is missed."""
    cli = [sys.executable, "-m", "personalrm"]
    entry = str(Path(sys.executable).parent / "personalrm")
    shown = median_wall([entry, "--help"])
    imported = median_wall([sys.executable, "-c", "import personalrm"])
    front = median_wall([sys.executable, "-c", "from personalrm import SynthesizeMe"])
    with tempfile.TemporaryDirectory() as folder, server(8406, latency=0.02) as host:
        choices = Path(folder) / "one.jsonl"
        write_choices(choices, simulate_people(1, choices=17, seed=0)[0])
        asked = ["--model", "simulated", "--base-url", host.url, "--cache", f"{folder}/c.sqlite"]
        judge = peak_mb([*cli, "fit", str(choices), *asked])
        traits = peak_mb([*cli, "fit", str(choices), "--model", "traits"])
        packages = core_packages(Path(folder) / "venv") if "--install" in sys.argv else None
    checks = [
        ("personalrm --help, s", f"{shown:.2f}", "< 0.5", shown < 0.5),
        ("import personalrm, s", f"{imported:.2f}", "< 0.3", imported < 0.3),
        ("from personalrm import SynthesizeMe, s", f"{front:.2f}", "–", True),
        ("peak memory of a fit on an endpoint, MB", f"{judge:.0f}", "< 150", judge < 150),
        ("peak memory of a fit on traits, MB", f"{traits:.0f}", "< 150", traits < 150),
    ]
    if packages is not None:
        checks.append(("packages of a core install", str(packages), "< 30", packages < 30))
    for name, measured, bar, ok in checks:
        row(name, measured, bar, ok)
    return 0 if all(ok for *_, ok in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
