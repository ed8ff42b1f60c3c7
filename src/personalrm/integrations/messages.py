"""Prompts and completions as training frameworks pass them, as contexts and responses.

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
"""A plain text, or a list of ``{"role", "content"}``; content is a text or a list of parts with ``text``."""


def context_of(prompt: Turns) -> tuple[Message, ...]:
    """The conversation before the response.

    Raises:
        DataError: a turn without role or text.
    """
    if isinstance(prompt, str):
        return (Message("user", prompt),)
    return tuple(Message(_role(turn), _text(turn)) for turn in prompt)


def response_of(completion: Turns) -> str:
    """The text of a completion: the last turn of a conversational one.

    Raises:
        DataError: no turn, or a turn without text.
    """
    if isinstance(completion, str):
        return completion
    if not completion:
        raise DataError("expected a completion of at least one message, found an empty list")
    return _text(completion[-1])


def _role(turn: Mapping[str, Any]) -> str:
    role = turn.get("role") if isinstance(turn, Mapping) else None
    if not isinstance(role, str):
        raise DataError(f"expected a message with a text in 'role' and 'content', found {type(turn).__name__}")
    return role


def _text(turn: Mapping[str, Any]) -> str:
    content = turn.get("content") if isinstance(turn, Mapping) else None
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(str(part["text"]) for part in content if isinstance(part, Mapping) and "text" in part)
    if content is None and isinstance(turn, Mapping) and "role" in turn:
        return ""  # an assistant turn that only calls tools
    raise DataError(f"expected a message with a text in 'content', found {type(content).__name__}")
