"""The waiting time in a host's headers: non-negative, bounded, relative to the host's own clock.

wait_asked({"Retry-After": "2.5"})                                            # 2.5
wait_asked({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:27:00 GMT"})    # 60.0
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 31 * 86400.0
"""Upper bound in seconds: one month."""


def wait_asked(headers: Mapping[str, str]) -> float:
    """Return seconds in [0, 31 days] from retry-after-ms, or Retry-After as seconds or date; 0 if unreadable."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _clamped(milliseconds / 1000)
    given = headers.get("Retry-After")
    seconds = _number(given)
    if seconds is not None:
        return _clamped(seconds)
    until = _date(given)
    if until is None:
        return 0.0
    now = _date(headers.get("Date")) or datetime.now(UTC)  # a wrong clock of the host affects both headers
    return _clamped((until - now).total_seconds())


def _clamped(seconds: float) -> float:
    return min(max(0.0, seconds), LONGEST_S)


def _number(text: str | None) -> float | None:
    """A finite number in ASCII digits, or infinity if it is too large; None if it is not a number."""
    if text is None or not text.isascii():
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    if math.isnan(value) or "inf" in text.lower():
        return None
    return min(value, LONGEST_S * 1000)


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
