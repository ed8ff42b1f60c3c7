"""Shared by the benchmarks: the simulated endpoint in a separate process, simulated people, and output rows.

People and model are simulated: the figures are speed, memory and calls, never accuracy on people.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

LATENCY_S = 0.2
SLOTS = 64


class Server:
    """Client of the simulated endpoint."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.url = f"{self.root}/v1"

    def stats(self) -> dict[str, Any]:
        """Counts since the start or the last `reset`."""
        with urllib.request.urlopen(f"{self.root}/stats?slots={SLOTS}") as answer:
            return json.load(answer)  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Reset the counts."""
        urllib.request.urlopen(urllib.request.Request(f"{self.root}/stats", method="DELETE")).close()


@contextlib.contextmanager
def server(port: int, *flags: str, latency: float = LATENCY_S) -> Iterator[Server]:
    """Run the simulated endpoint while the block runs."""
    command = [sys.executable, "-m", "personalrm.llm.simulated", "--port", str(port), "--latency", str(latency), *flags]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found = Server(port)
        for _ in range(100):
            with contextlib.suppress(OSError):
                found.stats()
                break
            time.sleep(0.1)
        yield found
    finally:
        process.kill()
        process.wait()


def row(name: str, measured: str, bar: str, ok: bool) -> None:
    """Print one row: name, measured value, required value."""
    print(f"{'ok  ' if ok else 'MISS'} {name:<44} {measured:>20}   bar {bar}")


def real_data() -> Path:
    """Folder of real people's choices: PERSONALRM_REAL_DATA, else ``shared/data`` beside the repository.

    If it does not exist, the benchmark ends with a message and status 0.
    """
    folder = Path(os.environ.get("PERSONALRM_REAL_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
    if not folder.is_dir():
        print("skipped: the data of real people does not exist; set PERSONALRM_REAL_DATA to its folder")
        sys.exit(0)
    return folder


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table with columns as wide as their longest cell, the first aligned left, the others right."""
    cells = [list(map(str, columns)), *(list(map(str, one)) for one in rows)]
    widths = [max(len(one[at]) for one in cells) for at in range(len(columns))]
    print(f"\n{title}")
    for one in cells:
        rest = (text.rjust(width) for text, width in zip(one[1:], widths[1:], strict=True))
        print("  ".join([one[0].ljust(widths[0]), *rest]))
