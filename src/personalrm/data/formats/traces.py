"""Logs of model calls with human scores: Langfuse traces and LangSmith runs.

A score is a thumb or a rating of one answer. Several answers to the same input make pairs; a single one is unpaired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalrm.data.fields import Fields, describe, missing
from personalrm.data.formats.base import Format
from personalrm.data.ratings import thumb
from personalrm.data.unpacking import structured
from personalrm.data.winners import as_number
from personalrm.errors import RowError

_ASKED = ("messages", "input", "question", "prompt", "query", "text", "content")
_ANSWERED = (
    "output",
    "answer",
    "content",
    "text",
    "response",
    "generations",
    "choices",
    "message",
    "messages",
    "result",
)
_DEEPEST = 6


def langfuse(row: Fields) -> Iterator[Fields]:
    yield from _scored(
        row,
        "input",
        "output",
        "scores",
        {"user": row.get("userId"), "time": row.get("timestamp"), "group": row.get("sessionId")},
    )


def langsmith(row: Fields) -> Iterator[Fields]:
    yield from _scored(
        row, "inputs", "outputs", "feedback", {"time": row.get("start_time"), "group": row.get("session_id")}
    )


def _scored(row: Fields, asked: str, answered: str, scores: str, said: dict[str, Any]) -> Iterator[Fields]:
    """Yield the answer with its first human score; scores from evaluators are ignored."""
    listed = structured(row[scores], scores)
    if isinstance(listed, Mapping):
        listed = [{"name": name, "value": value} for name, value in listed.items()]
    if not isinstance(listed, list):
        raise RowError("a list of scores", field=scores, found=describe(listed))
    given = [
        one for one in listed if isinstance(one, Mapping) and one.get("source") not in ("EVAL", "model", "API_EVAL")
    ]
    for one in given:
        name, value = next(
            ((key, one[key]) for key in ("value", "score", "stringValue") if not missing(one.get(key))), ("", None)
        )
        if name:
            user = one.get("authorUserId") or one.get("user_id") or said.get("user")
            reason = one.get("comment") or None
            told = {**said, "user": user, "reason": reason, "id": row.get("id")}
            yield {
                **told,
                "context": _asked(row[asked], asked),
                "response": _answer(row[answered], answered),
                **_judgement(value),
            }
            return


def _judgement(value: Any) -> dict[str, Any]:
    """A number other than -1, 0 and 1 as a rating (``score``), every other value as a thumb (``liked``)."""
    found = as_number(value)
    return {"score": found} if found is not None and found not in (-1, 0, 1) else {"liked": thumb(value, "score")}


def _asked(value: Any, field: str) -> Any:
    for _ in range(_DEEPEST):
        value = structured(value, field) if isinstance(value, str) else value
        if isinstance(value, Mapping) and "role" not in value:
            name = next((one for one in _ASKED if not missing(value.get(one))), None)
            if name is None:
                break
            value = value[name]
            continue
        return value
    raise RowError("a prompt or messages", field=field, found=describe(value))


def _answer(value: Any, field: str) -> Any:
    """The answer's text or message, from the log's nested objects. Raises RowError if there is none."""
    for _ in range(_DEEPEST):
        if isinstance(value, str):
            return value
        if isinstance(value, list) and value:
            value = value[-1] if isinstance(value[-1], Mapping) and "role" in value[-1] else value[0]
            continue
        if isinstance(value, Mapping):
            if "content" in value and isinstance(value["content"], list):
                return {"role": "assistant", "content": value["content"]}
            name = next((one for one in _ANSWERED if not missing(value.get(one))), None)
            if name is not None:
                value = value[name]
                continue
            if len(value) == 1:
                value = next(iter(value.values()))
                continue
        break
    raise RowError("an answer", field=field, found=describe(value))


FORMATS = (
    Format("Langfuse traces", ("input", "output", "scores"), langfuse, ("userId", "timestamp", "sessionId", "id")),
    Format("LangSmith runs", ("inputs", "outputs", "feedback"), langsmith, ("start_time", "session_id", "id")),
)
