"""Cache of open predictors by content of their profiles: opening takes milliseconds, for a trained model seconds.

opened = OpenedPredictors(most=256)
opened.get("traits", profile)        # None
opened.put("traits", profile, predictor)
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import Any

import orjson

from personalrm.models.base import Predictor
from personalrm.profile.records import Profile


class OpenedPredictors:
    """The ``most`` recently used predictors. Thread-safe.

    Profiles with equal content share a predictor. The content is hashed once per object (0.2 ms, as long as a
    prediction), because profiles are immutable.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._keys: OrderedDict[int, tuple[Profile, bytes]] = OrderedDict()
        self._opened: OrderedDict[tuple[str, bytes], Predictor] = OrderedDict()

    def get(self, engine: str, profile: Profile) -> Predictor | None:
        """The cached predictor of this engine for a profile of this content, or None."""
        key = engine, self._key(profile)
        with self._lock:
            found = self._opened.get(key)
            if found is not None:
                self._opened.move_to_end(key)
            return found

    def put(self, engine: str, profile: Profile, predictor: Predictor) -> None:
        """Cache a predictor; the least recently used one is evicted."""
        key = engine, self._key(profile)
        with self._lock:
            self._opened[key] = predictor
            self._opened.move_to_end(key)
            _cut(self._opened, self._most)

    def clear(self) -> None:
        """Remove all predictors."""
        with self._lock:
            self._keys.clear()
            self._opened.clear()

    def _key(self, profile: Profile) -> bytes:
        with self._lock:
            known = self._keys.get(id(profile))
            if known is not None:  # keep the object, so that its id is not reused
                self._keys.move_to_end(id(profile))
                return known[1]
        key = blake2b(orjson.dumps(profile), digest_size=16).digest()
        with self._lock:
            self._keys[id(profile)] = profile, key
            _cut(self._keys, self._most)
        return key


def _cut(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
