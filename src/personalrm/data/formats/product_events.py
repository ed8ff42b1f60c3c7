"""Events of product analytics (PostHog, Amplitude, Mixpanel, Segment): a thumb or rating among an event's properties.

The event's name may be the thumb (``thumbs_up``). Events without a response have no choice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from personalrm.data.column_roles import layout_of
from personalrm.data.columns import plain
from personalrm.data.fields import Fields, describe, first_of
from personalrm.data.formats.base import Format
from personalrm.data.ratings import THUMBS
from personalrm.data.unpacking import structured
from personalrm.errors import RowError

_PROPERTIES = ("properties", "event_properties")
_NAMES = ("event", "event_type", "event_name")
_PEOPLE = ("distinct_id", "user_id", "userId", "anonymousId", "$user_id", "device_id")
_TIMES = ("timestamp", "event_time", "time", "originalTimestamp", "created_at")


def rows(row: Fields) -> Iterator[Fields]:
    """Yield the event's properties as columns, if they contain a response and feedback on it."""
    name = next(one for one in _PROPERTIES if one in row)
    inner = structured(row[name], name)
    if not isinstance(inner, Mapping):
        raise RowError("an object of properties", field=name, found=describe(inner))
    found: dict[str, Any] = {str(key): value for key, value in inner.items() if not str(key).startswith("$")}
    said = THUMBS.get(plain(str(first_of(row, _NAMES)[1])))
    layout = layout_of(tuple(found))
    if not layout.kind and said is not None:
        found["liked"] = said
        layout = layout_of(tuple(found))
    if not layout.kind:
        return
    user, time = (first_of(row, one)[1] or first_of(inner, one)[1] for one in (_PEOPLE, _TIMES))
    yield {"user": user, "time": time, **found}


def _is_event(columns: Collection[str]) -> bool:
    return any(one in columns for one in _PROPERTIES) and any(one in columns for one in _NAMES)


FORMATS = (Format("product analytics events", (), rows, also=_is_event, hands_on=True),)
