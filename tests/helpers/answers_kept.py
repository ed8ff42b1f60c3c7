"""Looks from outside, as another program would: into a cache of answers, at a server until nothing is on the wire."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from personalrm.llm.simulated import SimulatedLLM


def kept(cache: Path) -> int:
    """How many answers are in the cache; 0 where there is none yet."""
    if not cache.exists():
        return 0
    with contextlib.closing(sqlite3.connect(cache)) as connection:
        return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])


def settled(llm: SimulatedLLM) -> int:
    """How many different questions the server has answered, when nothing is on the wire any more."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 0.3:
        if llm.statistics.finished.total() != seen:
            seen, since = llm.statistics.finished.total(), time.monotonic()
        time.sleep(0.02)
    return len(llm.statistics.finished)
