"""Parse data stored as text in a string or cell: JSON, or Python literals as written by pandas and numpy.

unpacked('[{"role": "user"}]')       # a list
unpacked("[{'role': 'user'}]")       # the same
unpacked("[see the manual]")         # the text itself
"""

from __future__ import annotations

import ast
import re
import warnings

import orjson

from personalrm.data.limits import DEFAULT
from personalrm.errors import RowError

_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
"""A whole string; the last of a text may be unclosed. Brackets and separators in strings are thus not mistaken."""
_NO_COMMA = re.compile("|".join((_QUOTED.replace('"', "'"), _QUOTED, r"}\s++{")), re.DOTALL)
"""Whole strings of Python, and the separator of the objects in an array as written by numpy."""
_TOKENS = re.compile(rf"{_QUOTED}|[\[\]{{}}]", re.DOTALL)
"""Whole strings of JSON, and brackets."""
_OBJECTS = re.compile(r"\[\s*+\{\s*+['\"]")
"""Start of a list of objects, which is unlikely for a prompt."""
LITERAL = 256 << 10
"""Maximum length of a Python literal: its parser needs up to 500 bytes for each character. JSON has no such limit."""


def unpacked(value: str) -> object:
    """The list or object in a text; the text itself if it is neither, or too long or too deeply nested."""
    if value[:1] not in ("[", "{") or too_deep(value, DEFAULT.depth):
        return value
    try:
        found = orjson.loads(value)
    except ValueError:
        found = _literal(value)
    return found if isinstance(found, list | dict) else value


def structured(value: object, field: str) -> object:
    """The value; text that begins with ``[`` or ``{`` is parsed.

    Raises:
        RowError: such a text cannot be parsed; the error says why.
    """
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    found = unpacked(value)
    if not isinstance(found, str):
        return found
    if too_deep(value, DEFAULT.depth):
        raise RowError(f"JSON nested at most {DEFAULT.depth} deep", field=field, found="deeper nesting")
    if len(value) > LITERAL:
        raise RowError(
            f"JSON, or a Python literal of at most {LITERAL:,} characters", field=field, found=f"{len(value):,}"
        )
    shown = value[:30].encode("utf-8", "backslashreplace").decode()
    raise RowError("JSON", field=field, found=f"'{shown}…', which is not JSON")


def looks_structured(value: str) -> bool:
    """Whether a text begins like a list of objects, so that it is a list of messages, possibly damaged."""
    return value[:1] == "[" and _OBJECTS.match(value) is not None


def too_deep(value: str, depth: int) -> bool:
    """Whether lists and objects are nested more than ``depth`` deep."""
    if value.count("[") + value.count("{") <= depth:
        return False
    level = 0
    for found in _TOKENS.finditer(value):
        mark = found.group()
        if len(mark) == 1:
            level += 1 if mark in "[{" else -1 if mark in "]}" else 0
            if level > depth:
                return True
    return False


def _literal(value: str) -> object:
    """The value of a Python literal with JSON-like types; None if the text is not one."""
    if len(value) > LITERAL:
        return None
    for text in dict.fromkeys((value, _with_commas(value))):
        try:
            with warnings.catch_warnings():  # ignore warnings about invalid escapes in the text
                warnings.simplefilter("ignore")
                found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        return found if _is_data(found) else None
    return None


def _with_commas(array: str) -> str:
    return _NO_COMMA.sub(lambda found: "}, {" if found.group()[0] == "}" else found.group(), array)


def _is_data(value: object, depth: int = 0) -> bool:
    """Whether a value could come from JSON: no sets, no bytes, only text keys."""
    if isinstance(value, dict):
        return depth < DEFAULT.depth and all(isinstance(k, str) and _is_data(v, depth + 1) for k, v in value.items())
    if isinstance(value, list | tuple):
        return depth < DEFAULT.depth and all(_is_data(one, depth + 1) for one in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() <= 64
    return value is None or isinstance(value, str | float | bool)
