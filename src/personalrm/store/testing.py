"""A store in memory, for tests: the real one over SQLite without a file. It is gone when it is closed.

with memory_store() as store: ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from personalrm.store.store import Store


@contextmanager
def memory_store() -> Iterator[Store]:
    """An empty store, made in 0.1 s."""
    store = Store("sqlite://")
    try:
        yield store
    finally:
        store.close()
