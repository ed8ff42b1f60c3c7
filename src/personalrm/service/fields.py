"""Single fields of requests: texts, names, ids, times, in bodies, paths, queries and forms.

Texts are limited in length and contain no NUL (PostgreSQL has none); numbers are finite.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Form, Path, Query
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from personalrm.data.fields import moment
from personalrm.errors import RowError

TEXT, NAME = 200_000, 200
_JOINERS = frozenset("\u200c\u200d")
"""Invisible, but part of the spelling of Persian names and of emoji."""
_NOT_IN_NAMES = frozenset("/\ufffd")
"""U+FFFD stands for bytes that are not UTF-8: different paths would name the same person."""


def storable(text: str) -> str:
    """The text. ValueError if it holds a NUL character."""
    if "\0" in text:
        raise ValueError("contains the character U+0000")
    return text


def is_name(text: str) -> bool:
    """Whether a person can be called so. The name is part of paths: clients resolve '.' and '..' before they send."""
    if not 0 < len(text) <= NAME or text != text.strip() or text in (".", ".."):
        return False
    return all(one.isprintable() or one in _JOINERS for one in text) and not _NOT_IN_NAMES.intersection(text)


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("expected printable characters without '/', no space at either end, and not '.' or '..'")
    return text


def _id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _time(value: Any) -> str:
    """ISO 8601 in UTC."""
    try:
        found = None if isinstance(value, bool) else moment(value, "time")
    except RowError:
        found = None
    if found is None:
        raise ValueError("expected a time (ISO 8601 or seconds since 1970)")
    return found


Text = Annotated[str, StringConstraints(max_length=TEXT), AfterValidator(storable)]
FormId = Annotated[str, Form(min_length=1, max_length=NAME), AfterValidator(storable)]
FormText = Annotated[str, Form(max_length=2000), AfterValidator(storable)]
FormName = Annotated[str, Form(min_length=1, max_length=100), AfterValidator(storable)]
FormDraft = Annotated[str, Form(max_length=20_000), AfterValidator(storable)]
QueryValue = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(storable)]
QueryText = Annotated[QueryValue | None, Query()]
After = Annotated[str, Query(max_length=NAME, description="`next` of the previous page"), AfterValidator(storable)]
ShortText = Annotated[str, StringConstraints(max_length=2000), AfterValidator(storable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME), AfterValidator(_name)]
GivenId = Annotated[str, StringConstraints(min_length=1, max_length=NAME), AfterValidator(storable)]
AnyId = Annotated[
    GivenId,
    BeforeValidator(_id),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1, "maxLength": NAME}, {"type": "integer"}]}),
]
"""An id as text; a number is converted to its decimal digits."""
Time = Annotated[
    str, PlainValidator(_time), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "number"}]})
]
Finite = Annotated[float, Field(allow_inf_nan=False)]
UserName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=NAME,
        pattern=r"^[^/\s\x00-\x1f]([^/\x00-\x1f]*[^/\s\x00-\x1f])?$",
        description="The product's name or id of the person",
    ),
    AfterValidator(_name),
]
ChoiceId = Annotated[str, Path(min_length=1, max_length=NAME), AfterValidator(storable)]
Limit = Annotated[int, Query(ge=1, le=1000, description="Maximum number of results")]
