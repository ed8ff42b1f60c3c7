"""Cache of open predictors by content of their profiles: opening takes milliseconds, for a trained model seconds.

opened = OpenedPredictors(most=256)
opened.get("traits", profile)        # None
opened.put("traits", profile, predictor)
"""

from __future__ import annotations

import threading
from hashlib import blake2b

import orjson

from personalrm.models.base import Predictor
from personalrm.profile.records import Profile
from personalrm.recently_used import RecentlyUsed


class OpenedPredictors:
    """The ``most`` recently used predictors. Thread-safe.

    Profiles with equal content share a predictor. The content is hashed once per object (0.2 ms, as long as a
    prediction), because profiles are immutable.
    """

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self._keys = RecentlyUsed[int, tuple[Profile, bytes]](most)
        self._opened = RecentlyUsed[tuple[str, bytes], Predictor](most)

    def get(self, engine: str, profile: Profile) -> Predictor | None:
        """The cached predictor of this engine for a profile of this content, or None."""
        key = engine, self._key(profile)
        with self._lock:
            return self._opened.get(key)

    def put(self, engine: str, profile: Profile, predictor: Predictor) -> None:
        """Cache a predictor; the least recently used one is evicted."""
        key = engine, self._key(profile)
        with self._lock:
            self._opened.keep(key, predictor)

    def clear(self) -> None:
        """Remove all predictors."""
        with self._lock:
            self._keys.clear()
            self._opened.clear()

    def _key(self, profile: Profile) -> bytes:
        with self._lock:
            known = self._keys.get(id(profile))
            if known is not None:  # keep the object, so that its id is not reused
                return known[1]
        key = blake2b(orjson.dumps(profile), digest_size=16).digest()
        with self._lock:
            self._keys.keep(id(profile), (profile, key))
        return key
