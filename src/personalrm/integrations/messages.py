"""Convert the prompts and completions of training frameworks to contexts and responses.

context_of("How long?")                                      # (Message("user", "How long?"),)
context_of([{"role": "user", "content": "How long?"}])       # the same
response_of([{"role": "assistant", "content": "Six."}])      # "Six."
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalrm.errors import DataError
from personalrm.preferences import Message

Turns = str | Sequence[Mapping[str, Any]]
"""A string, or a list of ``{"role", "content"}`` whose content is a string or a list of parts with ``text``."""


def context_of(prompt: Turns) -> tuple[Message, ...]:
    """The conversation before the response.

    Raises:
        DataError: neither a string nor a list of messages, or a message without role or text.
    """
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    return tuple(Message(_role(turn), _text(turn)) for turn in _turns(prompt, "prompt"))


def response_of(completion: Turns) -> str:
    """The text of a completion; of a list of messages, the text of the last one.

    Raises:
        DataError: neither a string nor a list of messages, an empty list, or a message without text.
    """
    if isinstance(completion, str):
        return completion
    turns = _turns(completion, "completion")
    if not turns:
        raise DataError("expected a completion of at least one message, found an empty list")
    return _text(turns[-1])


def answered(completion: Turns | None) -> str | None:
    """`response_of`, or None for a completion that is None or has no messages; it stays unscored."""
    nothing = completion is None or (not isinstance(completion, str | Mapping) and _is_empty(completion))
    return None if nothing or completion is None else response_of(completion)


def same_length(expected: int, **columns: Sequence[Any]) -> None:
    """DataError unless every column is a list of ``expected`` entries."""
    for name, given in columns.items():
        if isinstance(given, str) or len(given) != expected:
            found = "a text" if isinstance(given, str) else f"{len(given)}"
            raise DataError(f"'{name}': expected a list with an entry for each of {expected} rows, found {found}")


def _turns(given: Any, what: str) -> Sequence[Any]:
    """The completion as a sequence: a list, or an array of objects as verl passes it. DataError for anything else."""
    if isinstance(given, Mapping) or not hasattr(given, "__len__") or not hasattr(given, "__getitem__"):
        raise DataError(f"expected a {what} as a text or a list of messages with 'content', found {_kind(given)}")
    found: Sequence[Any] = given
    return found


def _is_empty(given: Any) -> bool:
    return hasattr(given, "__len__") and not len(given)


def _role(turn: Mapping[str, Any]) -> str:
    role = turn.get("role") if isinstance(turn, Mapping) else None
    if not isinstance(role, str):
        raise DataError(f"expected a message with a text in 'role' and 'content', found {_kind(turn)}")
    return role


def _text(turn: Mapping[str, Any]) -> str:
    content = turn.get("content") if isinstance(turn, Mapping) else None
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(map(_part, content))
    if content is None and isinstance(turn, Mapping) and "role" in turn:
        return ""  # an assistant turn that only calls tools
    raise DataError(f"expected a message with a text in 'content', found {_kind(content)}")


def _part(part: Any) -> str:
    """The text of a part of a message; empty for images and other media."""
    text = part.get("text") if isinstance(part, Mapping) else part
    return text if isinstance(text, str) else ""


def _kind(given: Any) -> str:
    return "nothing" if given is None else type(given).__name__
