"""OpenAssistant: messages of conversation trees, in rows or nested; the answers to a message have ranks, 0 the best.

The ranks are the consensus of several annotators who are not identified (``user_id`` is the *author* of a message), so
the choices have no user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalrm.data.fields import Fields, describe, missing
from personalrm.data.formats.base import Format
from personalrm.errors import RowError

_DEEPEST = 200


def flat(row: Fields) -> Iterator[Fields]:
    """Yield the rankings of one tree, given as rows of messages."""
    messages = {str(one["message_id"]): one for one in row["rows"]}
    children: dict[str, list[str]] = {}
    for name, one in messages.items():
        children.setdefault(str(one.get("parent_id") or ""), []).append(name)
    for parent, names in children.items():
        ranked = [
            messages[name] for name in names if not missing(messages[name].get("rank")) and _answers(messages[name])
        ]
        if len(ranked) > 1:
            yield _ranking(_path(messages, parent), ranked, parent)


def nested(row: Fields) -> Iterator[Fields]:
    waiting: list[tuple[Any, list[dict[str, Any]]]] = [(row["prompt"], [])]
    while waiting:
        message, before = waiting.pop()
        if not isinstance(message, Mapping) or not isinstance(message.get("text"), str):
            raise RowError("a message with text", field="prompt", found=describe(message))
        path = [*before, {"role": message.get("role"), "content": message["text"]}]
        replies = [one for one in message.get("replies") or () if isinstance(one, Mapping)]
        ranked = [one for one in replies if not missing(one.get("rank")) and _answers(one)]
        if len(ranked) > 1:
            yield _ranking(path, ranked, str(message.get("message_id", "")))
        if len(path) < _DEEPEST:
            waiting += [(one, path) for one in reversed(replies)]


def _ranking(path: list[dict[str, Any]], ranked: list[Mapping[str, Any]], parent: str) -> dict[str, Any]:
    return {
        "id": parent or None,
        "context": path,
        "responses": [{"content": one.get("text"), "rank": one["rank"]} for one in ranked],
        "domain": ranked[0].get("lang"),
    }


def _path(messages: Mapping[str, Fields], name: str) -> list[dict[str, Any]]:
    path: list[dict[str, Any]] = []
    while name in messages and len(path) < _DEEPEST:
        path.append({"role": messages[name].get("role"), "content": messages[name].get("text")})
        name = str(messages[name].get("parent_id") or "")
    return path[::-1]


def _answers(message: Mapping[str, Any]) -> bool:
    return message.get("role") == "assistant" and not message.get("deleted")


def _tree(row: Fields) -> object:
    return row["message_tree_id"]


_READS = ("lang", "deleted", "rank", "user_id", "created_date", "message_tree_id")
FORMATS = (
    Format(
        "OpenAssistant messages",
        ("message_id", "parent_id", "message_tree_id", "text", "role"),
        flat,
        _READS,
        together=_tree,
    ),
    Format(
        "OpenAssistant trees",
        ("message_tree_id", "prompt"),
        nested,
        ("tree_state",),
        accepts=lambda row: isinstance(row["prompt"], Mapping),
    ),
)
