"""Rate limit per key: a token bucket, which allows short bursts."""

from __future__ import annotations

import time

from personalrm.recently_used import RecentlyUsed

_BURST_S = 2.0
_KEYS = 10_000


class RateLimit:
    """``rate`` requests per second and key, with bursts of two seconds' worth. Bound to one event loop."""

    def __init__(self, rate: float) -> None:
        self._rate, self._burst = rate, max(1.0, rate * _BURST_S)
        self._left = RecentlyUsed[str, tuple[float, float]](_KEYS)

    def wait(self, key: str, now: float | None = None) -> float:
        """Count a request and return 0 if it is allowed now, else the seconds until the next one is."""
        if self._rate <= 0:
            return 0.0
        now = time.monotonic() if now is None else now
        left, seen = self._left.get(key) or (self._burst, now)
        left = min(self._burst, left + (now - seen) * self._rate)
        allowed = left >= 1.0
        self._left.keep(key, (left - 1.0 if allowed else left, now))
        return 0.0 if allowed else (1.0 - left) / self._rate
