"""Logs of model calls with human scores: Langfuse traces and LangSmith runs.

A score is a thumb or a rating of one answer. Several answers to the same input make pairs; a single one is unpaired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalrm.data.columns import plain
from personalrm.data.fields import Fields, describe, first_of, missing
from personalrm.data.formats.base import Format
from personalrm.data.ratings import thumb
from personalrm.data.unpacking import structured, unpacked
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
_TYPES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "chat": "user"}
_DATA = frozenset(("role", *_ANSWERED))
_DEEPEST = 6
_PEOPLES = frozenset(("user", "human", "people", "person", "feedback", "thumb", "thumbs", "like", "liked", "annotator"))


def langfuse(row: Fields) -> Iterator[Fields]:
    yield from _scored(
        row,
        "input",
        "output",
        "scores",
        {"user": row.get("userId"), "time": first_of(row, ("timestamp", "created"))[1], "group": row.get("sessionId")},
    )


def langsmith(row: Fields) -> Iterator[Fields]:
    yield from _scored(row, "inputs", "outputs", "feedback", {"time": row.get("start_time")})


def _scored(row: Fields, asked: str, answered: str, scores: str, said: dict[str, Any]) -> Iterator[Fields]:
    """Yield the answer with its first human score; scores from evaluators are ignored."""
    listed = structured(row[scores], scores)
    if isinstance(listed, Mapping):  # scores by name do not tell whether a person gave them
        listed = [{"name": name, "value": value} for name, value in _by_people(listed, scores).items()]
    if not isinstance(listed, list):
        raise RowError("a list of scores", field=scores, found=describe(listed))
    given = [one for one in listed if isinstance(one, Mapping) and not _is_automatic(one)]
    for one in given:
        name, value = next(
            ((key, one[key]) for key in ("value", "score", "stringValue") if not missing(one.get(key))), ("", None)
        )
        if name:
            user = one.get("authorUserId") or one.get("user_id") or said.get("user") or _user_of(row)
            reason = one.get("comment") or None
            told = {**said, "user": user, "reason": reason, "id": row.get("id")}
            yield {
                **told,
                "context": _input_messages(row[asked], asked),
                "response": _answer(row[answered], answered),
                **_judgement(value),
            }
            return


def _by_people(scores: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The scores whose names say that a person gave them. Raises RowError if there are only others."""
    found = {name: value for name, value in scores.items() if _PEOPLES & {*plain(str(name)).split("_")}}
    if not found and any(not missing(value) for value in scores.values()):
        raise RowError(
            "a score named after people's feedback (user…, human…, thumbs…)",
            field=field,
            found=", ".join(map(str, scores))[:80],
        )
    return found


def _is_automatic(score: Mapping[str, Any]) -> bool:
    source = score.get("source", score.get("feedback_source"))
    source = source.get("type") if isinstance(source, Mapping) else source
    return source in ("EVAL", "model", "API_EVAL", "auto_eval")


def _user_of(row: Fields) -> Any:
    metadata = row.get("metadata")
    metadata = unpacked(metadata) if isinstance(metadata, str) else metadata
    extra = row.get("extra")
    if isinstance(extra, Mapping) and isinstance(extra.get("metadata"), Mapping):
        metadata = extra["metadata"]
    return first_of(metadata, ("user_id", "userId", "user"))[1] if isinstance(metadata, Mapping) else None


def _judgement(value: Any) -> dict[str, Any]:
    """A number other than -1, 0 and 1 as a rating (``score``), every other value as a thumb (``liked``)."""
    found = as_number(value)
    return {"score": found} if found is not None and found not in (-1, 0, 1) else {"liked": thumb(value, "score")}


def _input_messages(value: Any, field: str) -> Any:
    for _ in range(_DEEPEST):
        value = structured(value, field) if isinstance(value, str) else value
        if isinstance(value, Mapping) and "role" not in value:
            name = next((one for one in _ASKED if not missing(value.get(one))), None)
            if name is None:
                break
            value = value[name]
            continue
        return _langchain(value)
    raise RowError("a prompt or messages", field=field, found=describe(value))


def _langchain(value: Any) -> Any:
    """Messages as LangChain writes them (``[[{"id": […, "HumanMessage"], "kwargs": {"content": …}}]]``) as messages."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        return value
    found = []
    for one in value:
        inner = one["kwargs"] if isinstance(one.get("kwargs"), Mapping) else one
        kinds = one["id"][-1:] if isinstance(one.get("id"), list) else [inner.get("type")]
        role = inner.get("role") or _TYPES.get(str(kinds[0] if kinds else "").removesuffix("Message").lower())
        found.append({**inner, "role": role} if role else one)
    return found


def _answer(value: Any, field: str) -> Any:
    """The answer's text or message, from the log's nested objects. Raises RowError if there is none."""
    for _ in range(_DEEPEST):
        if isinstance(value, str):
            inner = unpacked(value)
            if isinstance(inner, str) or not _DATA & {*(inner if isinstance(inner, Mapping) else ("role",))}:
                return value
            value = inner
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
