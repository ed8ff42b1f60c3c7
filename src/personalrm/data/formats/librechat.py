"""LibreChat: exported conversations whose answers have thumbs; siblings are regenerated answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalrm.data.fields import Fields, first_of
from personalrm.data.formats.base import Format
from personalrm.data.formats.open_webui import rated_message
from personalrm.data.ratings import thumb

_PARENT, _ID = "parentMessageId", "messageId"


def rows(row: Fields) -> Iterator[Fields]:
    listed = _flat(row["messages"])
    messages = {str(one[_ID]): _message(one, listed) for one in listed}
    for one in listed:
        liked = thumb(one.get("feedback"), "messages.feedback")
        if liked is not None:
            name = str(one[_ID])
            said = {"id": name, "user": row.get("user"), "group": row["conversationId"], "time": one.get("updatedAt")}
            yield from rated_message(messages, name, 1.0 if liked else -1.0, False, said)


def _flat(listed: list[Any]) -> list[Mapping[str, Any]]:
    """All messages of a list or a tree (``children``), as a list."""
    found: list[Mapping[str, Any]] = []
    waiting = list(reversed(listed))
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping) and _ID in one:
            found.append(one)
            waiting += reversed(one.get("children") or [])
    return found


def _message(one: Mapping[str, Any], listed: list[Mapping[str, Any]]) -> dict[str, Any]:
    parts = one.get("content") if isinstance(one.get("content"), list) else []
    texts = [part.get("text") for part in parts or () if isinstance(part, Mapping) and part.get("type") == "text"]
    joined = "\n".join(text if isinstance(text, str) else str(first_of(text or {}, ("value",))[1]) for text in texts)
    return {
        "role": "user" if one.get("isCreatedByUser") else "assistant",
        "content": one.get("text") or joined,
        "parentId": one.get(_PARENT),
        "childrenIds": [str(other[_ID]) for other in listed if other.get(_PARENT) == one[_ID]],
    }


def _is_ours(row: Fields) -> bool:
    listed = row["messages"]
    return isinstance(listed, list) and bool(listed) and isinstance(listed[0], Mapping) and _ID in listed[0]


FORMATS = (
    Format("LibreChat conversations", ("conversationId", "messages"), rows, ("user", "title"), accepts=_is_ours),
)
