"""Looks into a cache of answers from outside, as another program would."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path


def kept(cache: Path) -> int:
    """How many answers are in the cache; 0 where there is none yet."""
    if not cache.exists():
        return 0
    with contextlib.closing(sqlite3.connect(cache)) as connection:
        return int(connection.execute("SELECT count(*) FROM answers").fetchone()[0])
