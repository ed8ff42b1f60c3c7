"""The waiting time that a host asks for in its headers or its message: non-negative, bounded, by the host's own clock.

wait_asked({"Retry-After": "2.5"})                                            # 2.5
wait_asked({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"})       # 360.0
wait_asked({}, "Rate limit reached. Please try again in 1m12.5s.")            # 72.5
wait_asked({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:27:00 GMT"})    # 60.0
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 31 * 86400.0
"""Upper bound in seconds: one month."""
_LARGEST = 1e13
_UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = r"\d{1,9}(?:[.,]\d{1,9})?"
_DURATION = rf"(?:{_AMOUNT} ?(?:ms|millis[a-z]{{0,8}}|[hmsd](?:[a-z]{{1,6}})?)[ ]?){{1,4}}"
_WHOLE = re.compile(_DURATION, re.IGNORECASE | re.ASCII)
_PART = re.compile(rf"({_AMOUNT}) ?(ms|millis|h|m|s|d)", re.IGNORECASE | re.ASCII)
_SAID = re.compile(
    rf"(?:(?:try|retry|available|wait)\b.{{0,20}}\b(?:in|after|for)|\"?retry_?(?:delay|after)\"?\s?:)\s?\"?({_DURATION})",
    re.IGNORECASE | re.ASCII,
)
_WINDOWS = ("requests", "tokens")
_EPOCH_S, _EPOCH_MS = 1e9, 1e12
"""Larger numbers are a time since 1970, in seconds or milliseconds."""


def wait_asked(headers: Mapping[str, str], said: str = "") -> float:
    """Return seconds in [0, 31 days]; 0 if none can be read.

    In this order: retry-after-ms; Retry-After as seconds, duration or date; the reset of a limit of which nothing
    remains; what the message says ("try again in 6m0s").
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _clamped(milliseconds / 1000)
    given = headers.get("Retry-After")
    seconds = _seconds(given)
    if seconds is not None:
        return _clamped(seconds)
    until = _date(given)
    if until is not None:
        now = _date(headers.get("Date")) or datetime.now(UTC)  # a wrong clock of the host affects both headers
        return _clamped((until - now).total_seconds())
    resets = [_reset(headers, one) for one in ("", *_WINDOWS)]
    found = _SAID.search(said[:4_000])
    return _clamped(max(resets) or (_duration(found[1]) if found else None) or 0.0)


def _reset(headers: Mapping[str, str], window: str) -> float:
    """Seconds until a limit of which nothing remains is reset; 0 if there is none."""
    ending = f"-{window}" if window else ""
    for name in ("x-ratelimit", "ratelimit"):
        if (headers.get(f"{name}-remaining{ending}") or "").strip() == "0":
            seconds = _seconds(headers.get(f"{name}-reset{ending}")) or 0.0
            if seconds > _EPOCH_S:
                seconds = seconds / (1000 if seconds > _EPOCH_MS else 1) - time.time()
            return seconds
    return 0.0


def _seconds(text: str | None) -> float | None:
    """A number, or a duration such as ``6m0s``, ``20ms`` or ``0,5``; None if it is neither."""
    number = _number(text)
    return number if number is not None or text is None else _duration(text)


def _duration(text: str) -> float | None:
    text = text.strip().rstrip(".")
    if re.fullmatch(r"\d{1,9},\d{1,9}", text, re.ASCII):
        return float(text.replace(",", "."))
    if not _WHOLE.fullmatch(text):
        return None
    parts = [(one.replace(",", "."), unit.lower().replace("millis", "ms")) for one, unit in _PART.findall(text)]
    return sum(float(one) * _UNITS[unit] for one, unit in parts)


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
    return min(value, _LARGEST)


def _date(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text or "")
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
