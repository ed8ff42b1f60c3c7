"""External views for tests: the number of answers in a cache, and waiting for a server to be idle."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from personalrm.llm.simulated import SimulatedLLM


def kept(cache: Path) -> int:
    """Number of answers in the cache; 0 if it does not exist."""
    if not cache.exists():
        return 0
    with contextlib.closing(sqlite3.connect(cache)) as connection:
        return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])


def settled(llm: SimulatedLLM) -> int:
    """Number of distinct requests the server has answered, once none is in flight."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 0.3:
        if llm.statistics.finished.total() != seen:
            seen, since = llm.statistics.finished.total(), time.monotonic()
        time.sleep(0.02)
    return len(llm.statistics.finished)
