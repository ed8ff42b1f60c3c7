"""Location of the answer cache: a SQLite file, or a PostgreSQL database shared by several machines.

open_cache(default_cache()).get(key)
"""

from __future__ import annotations

import os
from pathlib import Path

from personalrm.llm.cache import AnswerCache


def default_path() -> Path:
    """Return the default file of answers: PERSONALRM_CACHE, else a file in the user's cache folder."""
    named = os.environ.get("PERSONALRM_CACHE", "")
    if named and not is_url(named):
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "personalrm" / "answers.sqlite"


def default_cache() -> str:
    """Return `default_path`, or the URL in PERSONALRM_CACHE if it names a PostgreSQL database."""
    named = os.environ.get("PERSONALRM_CACHE", "")
    return named if is_url(named) else str(default_path())


def is_url(cache: str) -> bool:
    """Return whether a cache is given as the URL of a PostgreSQL database."""
    return cache.startswith(("postgresql://", "postgres://"))


def open_cache(cache: str | Path) -> AnswerCache:
    """Return the cache at this path or URL, opened at its first use. MissingExtra if the driver is not installed."""
    if not is_url(str(cache)):
        return AnswerCache(cache)
    from personalrm.llm.cache_postgresql import PostgresAnswerCache

    return PostgresAnswerCache(str(cache))
