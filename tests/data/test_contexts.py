"""Contexts that Python callers give: texts, messages of chat APIs with parts and tool calls, and what is neither."""

from __future__ import annotations

from typing import Any

import pytest

from personalrm import Message, Preference
from personalrm.data.given import messages_of
from personalrm.errors import DataError
from personalrm.preferences import Thumb

HI = (Message("user", "Hi"),)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Hi", HI),
        ("", ()),
        (HI, HI),
        (HI[0], HI),
        ({"role": "user", "content": "Hi"}, HI),
        ([{"role": "human", "content": "Hi"}], HI),
        ([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], HI),
        (
            [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]},
                {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
            ],
            (Message("user", "[image]"), Message("assistant", "f({})")),
        ),
    ],
)
def test_a_context_becomes_messages(given: Any, expected: tuple[Message, ...]) -> None:
    assert messages_of(given) == expected


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (None, "context"),
        (5, "context"),
        (["Hi"], "context.0"),
        ([{"role": "user", "content": "Hi"}, {"role": "user"}], "context.1.content"),
        ([{"role": "user", "content": 5}], "context.0.content"),
        ([{"content": "Hi"}], "context.0.role"),
        ([Message("user", 5)], "context.0.content"),  # type: ignore[arg-type]
        ([{"role": "user", "content": "\ud800"}], "context.0.content"),
    ],
)
def test_other_contexts_are_refused_with_the_field(given: Any, named: str) -> None:
    with pytest.raises(DataError, match=named):
        messages_of(given)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"chosen": None, "rejected": "b"}, "chosen"),
        ({"chosen": "a", "rejected": 3}, "rejected"),
        ({"chosen": "a", "rejected": "b", "context": 5}, "context"),
        ({"chosen": "a", "rejected": "b", "context": [{"role": "user", "content": [1]}]}, "content"),
        ({"chosen": "a", "rejected": "b", "context": (Message(None, "x"),)}, "role"),  # type: ignore[arg-type]
    ],
)
def test_a_record_of_other_values_is_refused(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(TypeError, match=named):
        Preference(**fields)


def test_a_record_converts_mappings_in_a_tuple() -> None:
    assert Preference(context=({"role": "user", "content": "Hi"},), chosen="a", rejected="b").context == HI  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="response"):
        Thumb(None, liked=True)  # type: ignore[arg-type]
