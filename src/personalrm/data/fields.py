"""Validate and convert single values of a row.

Each function takes a value and its field name, and returns the converted value or raises a `RowError` with the field,
the expected and the found value.

    text("Hello", "chosen")                                        # "Hello"
    moment("2016-01-31 22:05:41.0 UTC", "time")                    # "2016-01-31T22:05:41+00:00"
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from personalrm.errors import RowError

Fields = Mapping[str, Any]
"""One row: value by column."""

_BITS = 64
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(.*)")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(|[ ,].*)")
_CLOCK = re.compile(r",?\s*(?:(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp][Mm])?)?")
_FORMS = re.compile(
    r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})[ T](\d{1,2}:\d{2}(?::\d{2})?\s?[AaPp][Mm])"
    r"(?:\s?(?:GMT|UTC)(?:([+-]\d{1,2})(?::?(\d{2}))?)?)?"
)
"""Times as Google Forms writes them: 2024/03/05 10:11:12 AM GMT+1."""
NOBODY = {
    *("nan", "NaN", "NAN", "null", "NULL", "Null", "None", "none", "N/A", "n/a", "NA", "<NA>", "NaT", "#N/A", "#NA"),
    *("undefined", "-nan", "-NaN"),
}
"""Texts that other tools write for missing values."""
_UTF_8 = "UTF-8 text (save the file as UTF-8: 'CSV UTF-8' in Excel, or iconv -f WINDOWS-1252 -t UTF-8)"
_IDS = ("$oid", "id", "_id", "user_id", "uuid", "email", "username", "name")
_TRUE, _FALSE = {"true", "yes", "1", "1.0"}, {"false", "no", "0", "0.0", ""}


def missing(value: object) -> bool:
    """Whether a value is missing: null, NaN, or empty text."""
    return value is None or value == "" or value != value


def first_of(row: Fields, names: Sequence[str]) -> tuple[str, Any]:
    """Name and value of the first of these columns with a value; ``("", None)`` if there is none."""
    for name in names:
        value = row.get(name)
        if value is not None and value != "" and value == value:
            return name, value
    return "", None


def without(row: Fields, *names: str) -> dict[str, Any]:
    """The row without these columns."""
    return {name: value for name, value in row.items() if name not in names}


def describe(value: object) -> str:
    """A short description of a value for error messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, int) and value.bit_length() > _BITS:
        return f"a number of about {value.bit_length() * 0.30103:.0f} digits"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        shown = value[:60].encode("utf-8", "backslashreplace").decode()
        return "empty text" if not value.strip() else f"'{shown[:40]}…'" if len(shown) > 40 else f"'{shown}'"
    if isinstance(value, Mapping):
        return f"an object with {', '.join(str(key)[:30] for key in list(value)[:5]) or 'no keys'}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return f"a value of type {type(value).__name__}"


def text(value: object, field: str) -> str:
    """The value if it is text that can be encoded as UTF-8, possibly empty. Raises RowError otherwise."""
    if not isinstance(value, str):
        raise RowError("text", field=field, found=describe(value))
    return value if value.isascii() else encodable(value, field)


def encodable(value: str, field: str) -> str:
    """The text itself. Raises RowError for lone surrogates and bytes that are not UTF-8."""
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            code = ord(value[error.start])
            # CSV files are decoded with surrogateescape, which maps a bad byte 0xNN to U+DCNN.
            what = f"the byte 0x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"the lone surrogate U+{code:04X}"
            expected = "UTF-8 text" if not 0xDC80 <= code <= 0xDCFF else _UTF_8
            raise RowError(expected, field=field, found=f"{what} at character {error.start}") from None
    return value


def optional_text(row: Fields, names: Sequence[str]) -> str | None:
    """The first of these columns with a value, as text (numbers converted); None if all are missing."""
    name, value = first_of(row, names)
    if value is None:
        return None
    if isinstance(value, Mapping):
        pairs = (f"{key}: {part}" for key, part in value.items() if not missing(part))
        value = "; ".join(pairs)
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        value = "; ".join(value) or None
        if value is None:
            return None
    if isinstance(value, int | float):
        value = str(value)
    return text(value, name)


def name_text(value: object, field: str) -> str:
    """A name or id as text, from text, a whole number, or an object with an id (``{"id": 7, "name": …}``).

    Raises:
        RowError: none of these.
    """
    if isinstance(value, Mapping):
        name, inner = first_of(value, _IDS)
        if name and not isinstance(inner, Mapping):
            return name_text(inner, f"{field}.{name}")
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= _BITS:
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2.0**63:
        return str(int(value))
    if not isinstance(value, str) or not value or value.isspace():
        raise RowError("text or a whole number", field=field, found=describe(value))
    return encodable(value, field)


def number(value: object, field: str) -> float:
    """A finite number from a number or text, also with a decimal comma. Raises RowError otherwise.

    Three digits after a comma are refused, since it may separate thousands.
    """
    if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip()):
        if len(value.strip().partition(",")[2]) == 3:
            raise RowError("a number without a comma for thousands", field=field, found=describe(value))
        value = value.replace(",", ".")
    try:
        result = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        result = math.nan
    if not math.isfinite(result):
        raise RowError("a number", field=field, found=describe(value))
    return result


def flag(value: object, field: str) -> bool:
    """A boolean from a boolean, 0/1, or text (true/false, yes/no). Raises RowError otherwise."""
    word = str(value).strip().lower() if isinstance(value, bool | int | float | str) else "?"
    if word in _TRUE:
        return True
    if missing(value) or word in _FALSE:
        return False
    raise RowError("true or false", field=field, found=describe(value))


def moment(value: object, field: str) -> str | None:
    """A time as ISO 8601 in UTC, so that text order is time order; None for a missing value.

    Accepted: ISO 8601 (without zone: UTC), "2016-01-31 22:05:41.0 UTC", "31.1.2016", e-mail dates, and seconds,
    milli-, micro- or nanoseconds since 1970. "1/2/2016" is refused, since day and month are ambiguous.

    Raises:
        RowError: none of these.
    """
    if isinstance(value, Mapping):  # MongoDB's {"$date": …}
        value = value.get("$date", value.get("$numberLong", value))
        value = value.get("$numberLong") if isinstance(value, Mapping) else value
    if missing(value):
        return None
    try:
        if isinstance(value, datetime):
            return _utc(value)
        if isinstance(value, date):
            return _utc(datetime(value.year, value.month, value.day))
        if isinstance(value, str):
            return _written(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _since_1970(float(value))
    except (ValueError, OverflowError, OSError, TypeError, IndexError):
        pass
    raise RowError("a time (ISO 8601 or seconds since 1970)", field=field, found=describe(value))


def _written(value: str) -> str:
    for zone in (" UTC", " GMT"):
        if value.endswith(zone):
            value = value.removesuffix(zone) + "+00:00"
    is_number = value.removeprefix("-").replace(".", "", 1).isdecimal() and len(value) < 40
    if is_number and len(value) != 8:  # 20160131 is a date
        return _since_1970(float(value))
    if value[:3].isalpha():
        return _utc(parsedate_to_datetime(value))
    if form := _FORMS.fullmatch(value):
        year, month, day, clock, hours, minutes = form.groups()
        ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0) * (-1 if (hours or "")[:1] == "-" else 1))
        return _utc(_at_clock(int(year), int(month), int(day), clock) - ahead)
    if german := _DAY_FIRST.fullmatch(value):
        day, month, year, rest = german.groups()
        value = f"{year}-{month:0>2}-{day:0>2}{rest}"
    if slashed := _SLASHED.fullmatch(value):
        return _utc(_in_words(*slashed.groups()))
    return _utc(datetime.fromisoformat(value.replace("/", "-") if value[4:5] == "/" else value))


def is_ambiguous_date(value: object) -> bool:
    """Whether a text is a date with ambiguous day and month, such as 1/2/2016."""
    slashed = _SLASHED.fullmatch(value.strip()) if isinstance(value, str) else None
    return slashed is not None and slashed[1] != slashed[2] and int(slashed[1]) <= 12 and int(slashed[2]) <= 12


def _in_words(one: str, other: str, year: str, rest: str) -> datetime:
    """A date with slashes whose day is above 12 or equals the month. Raises ValueError for ambiguous dates."""
    if is_ambiguous_date(f"{one}/{other}/{year}"):
        raise ValueError("day and month cannot be told apart")
    day, month = (one, other) if int(one) > 12 else (other, one)
    return _at_clock(int(year), int(month), int(day), rest)


def _at_clock(year: int, month: int, day: int, rest: str) -> datetime:
    clock = _CLOCK.fullmatch(rest.strip())
    if clock is None:
        raise ValueError(rest)
    hours, minutes, seconds, half = clock.groups()
    hour = int(hours or 0) % 12 + 12 * (half.lower() == "pm") if half else int(hours or 0)
    return datetime(year, month, day, hour, int(minutes or 0), int(seconds or 0))


def _since_1970(seconds: float) -> str:
    for limit in (1e17, 1e14, 1e11):  # 1e11 seconds is the year 5138, 1e11 milliseconds is 1973
        if abs(seconds) >= limit:
            return _utc(datetime.fromtimestamp(seconds / (limit / 1e8), UTC))
    return _utc(datetime.fromtimestamp(seconds, UTC))


def _utc(value: datetime) -> str:
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value.isoformat()
