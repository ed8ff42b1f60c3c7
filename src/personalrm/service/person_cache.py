"""A cache of what was computed for people, which an erasure empties for good.

    cache = PersonCache[Scale](most=512)
    cache.keep(person.id, version, scale)
    cache.get(person.id, version)
    cache.forget(person.id)

A request that was running when its person was erased may still try to add its result; that is refused, because nothing
would remove it again. Numbers of people are never reused.
"""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from personalrm.recently_used import RecentlyUsed

V = TypeVar("V")


class PersonCache(Generic[V]):
    """See the module's docstring. Thread-safe.

    Args:
        most: maximum number of values; the least recently used ones are dropped.
    """

    def __init__(self, most: int) -> None:
        self._kept = RecentlyUsed[tuple[int, int], V](most)
        self._gone: set[int] = set()
        self._lock = threading.Lock()

    def get(self, person_id: int, number: int) -> V | None:
        """The value of a person's version or revision, or None."""
        with self._lock:
            return self._kept.get((person_id, number))

    def keep(self, person_id: int, number: int, value: V) -> None:
        """Add a value, unless the person was forgotten."""
        with self._lock:
            if person_id not in self._gone:
                self._kept.keep((person_id, number), value)

    def people(self) -> set[int]:
        """Numbers of the people with values."""
        with self._lock:
            return {person_id for person_id, _ in self._kept}

    def forget(self, person_id: int) -> None:
        """Drop all values of a person, and add none again."""
        with self._lock:
            self._gone.add(person_id)
            for key in [one for one in self._kept if one[0] == person_id]:
                self._kept.drop(key)
