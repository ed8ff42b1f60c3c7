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
from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class PersonCache(Generic[V]):
    """See the module's docstring. Thread-safe.

    Args:
        most: maximum number of values; the least recently used ones are dropped.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[int, int], V] = OrderedDict()
        self._gone: set[int] = set()
        self._lock = threading.Lock()

    def get(self, person_id: int, number: int) -> V | None:
        """The value of a person's version or revision, or None."""
        key = person_id, number
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, person_id: int, number: int, value: V) -> None:
        """Add a value, unless the person was forgotten."""
        with self._lock:
            if person_id in self._gone:
                return
            self._kept[person_id, number] = value
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def people(self) -> set[int]:
        """Numbers of the people with values."""
        with self._lock:
            return {person_id for person_id, _ in self._kept}

    def forget(self, person_id: int) -> None:
        """Drop all values of a person, and add none again."""
        with self._lock:
            self._gone.add(person_id)
            for key in [one for one in self._kept if one[0] == person_id]:
                del self._kept[key]
