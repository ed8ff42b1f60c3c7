"""Open WebUI: exported feedback, and exported chats with thumbs.

The rated message is compared with its siblings, the other answers to the same message. Up: it is preferred to each;
down: each is preferred to it; 0: a tie. Regenerated answers were not shown side by side, unlike arena answers, and get
half the weight. Without siblings the rating is an unpaired thumb.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalrm.data.fields import Fields, describe, missing, number
from personalrm.data.formats.base import Format
from personalrm.data.unpacking import structured
from personalrm.errors import RowError

REGENERATED = 0.5
"""Weight of a choice between answers that were not shown side by side."""
_DEEPEST = 10_000


def feedback(row: Fields) -> Iterator[Fields]:
    data, meta = (structured(row[name], name) for name in ("data", "meta"))
    if not isinstance(data, Mapping) or not isinstance(meta, Mapping):
        raise RowError("objects with the rating and its message", field="data", found=describe(data))
    messages = _messages(structured(row["snapshot"], "snapshot"), "snapshot")
    name = meta.get("message_id")
    if not isinstance(name, str) or not isinstance(messages.get(name), Mapping):
        raise RowError("a message of the chat", field="meta.message_id", found=describe(name))
    if missing(data.get("rating")):
        return
    said = {
        "user": row.get("user_id"),
        "id": row.get("id"),
        "time": row.get("created_at"),
        "reason": data.get("comment") or data.get("reason"),
        "group": meta.get("chat_id"),
    }
    yield from rated_message(messages, name, number(data["rating"], "data.rating"), bool(meta.get("arena")), said)


def chats(row: Fields) -> Iterator[Fields]:
    messages = _messages(row, "chat")
    for name, message in messages.items():
        annotation = message.get("annotation") if isinstance(message, Mapping) else None
        if isinstance(annotation, Mapping) and not missing(annotation.get("rating")):
            said = {
                "user": row.get("user_id"),
                "id": f"{row['id']}-{name}" if not missing(row.get("id")) else None,
                "time": message.get("timestamp"),
                "reason": annotation.get("comment") or annotation.get("reason"),
                "group": row.get("id"),
            }
            rating = number(annotation["rating"], f"chat.{name}.annotation.rating")
            yield from rated_message(messages, name, rating, bool(message.get("arena")), said)


def _messages(value: Any, field: str) -> Mapping[str, Any]:
    """The messages of a chat by id, at any depth of the export."""
    for _ in range(4):
        if not isinstance(value, Mapping):
            break
        history = value.get("history")
        if isinstance(history, Mapping) and isinstance(history.get("messages"), Mapping):
            messages: Mapping[str, Any] = history["messages"]
            return messages
        value = value.get("chat")
    raise RowError("a chat with its history of messages", field=field, found=describe(value))


def rated_message(messages: Mapping[str, Any], name: str, rating: float, arena: bool, said: Fields) -> Iterator[Fields]:
    """Yield the choices between a rated message and its siblings, or one unpaired thumb.

    Args:
        messages: all messages of the chat by id.
        name: id of the rated message.
        rating: positive, negative or 0 (tie).
        arena: whether the answers were shown side by side.
        said: further columns of each row.
    """
    rated = messages[name]
    answer = _text(rated, name)
    others = [text for one in _siblings(messages, name) if (text := _text(messages[one], one)) and text != answer]
    shared = {**said, "context": _path(messages, rated.get("parentId"))}
    if not others:
        if rating:
            yield {**shared, "response": answer, "liked": rating > 0}
        return
    weight = (1.0 if arena else REGENERATED) / len(others)
    several = {"ranking": f"{said.get('id') or name}"} if len(others) > 1 else {}
    for at, other in enumerate(dict.fromkeys(others)):
        chosen, rejected = (answer, other) if rating >= 0 else (other, answer)
        own = said.get("id") if not at or said.get("id") is None else f"{said['id']}-{at + 1}"
        yield {
            **shared,
            **several,
            "id": own,
            "chosen": chosen,
            "rejected": rejected,
            "tie": rating == 0,
            "weight": weight,
        }


def _siblings(messages: Mapping[str, Any], name: str) -> list[str]:
    """Ids of the other answers to the same message."""
    parent_id = messages[name].get("parentId")
    parent = messages.get(parent_id) if isinstance(parent_id, str) else None
    children = parent.get("childrenIds") if isinstance(parent, Mapping) else None
    return [
        one
        for one in children or ()
        if isinstance(one, str)
        and one != name
        and isinstance(messages.get(one), Mapping)
        and messages[one].get("role") == "assistant"
    ]


def _path(messages: Mapping[str, Any], name: Any) -> list[dict[str, Any]]:
    """The conversation up to and including a message, oldest first."""
    path: list[dict[str, Any]] = []
    seen: set[str] = set()
    while (
        isinstance(name, str) and name not in seen and isinstance(messages.get(name), Mapping) and len(path) < _DEEPEST
    ):
        seen.add(name)
        message = messages[name]
        path.append({"role": message.get("role"), "content": message.get("content")})
        name = message.get("parentId")
    return path[::-1]


def _text(message: Any, name: str) -> str:
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, str):
        raise RowError("text", field=f"messages.{name}.content", found=describe(content))
    return content


def _is_feedback(row: Fields) -> bool:
    return "data" in row and row.get("type", "rating") == "rating"


def _is_chat(row: Fields) -> bool:
    try:
        _messages(row, "chat")
    except RowError:
        return False
    return True


FORMATS = (
    Format(
        "Open WebUI feedback",
        ("data", "meta", "snapshot"),
        feedback,
        ("user_id", "id", "created_at", "type"),
        accepts=_is_feedback,
    ),
    Format("Open WebUI chats", ("chat",), chats, ("user_id", "id", "title"), accepts=_is_chat),
)
