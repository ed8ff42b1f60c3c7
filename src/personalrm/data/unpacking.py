"""Data that stands as text inside a string or a cell: JSON, or the literals that pandas and numpy write.

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

_NO_COMMA = re.compile(r"}\n\s?{")
"""numpy writes an array of objects one below the other."""
_TOKENS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""Brackets, and texts whole (the last may lack its end), so that brackets in them do not count."""
_OBJECTS = re.compile(r"\[\s*+\{\s*+['\"]")
"""How a list of objects begins; hardly a prompt does."""
LITERAL = 256 << 10
"""Characters of a Python literal, at most: its parser takes up to 500 bytes for each. JSON has no such limit."""


def unpacked(value: str) -> object:
    """What the text holds if it is a list or an object; the text itself if it is none, or too long or deep to tell."""
    if value[:1] not in ("[", "{") or too_deep(value, DEFAULT.depth):
        return value
    try:
        found = orjson.loads(value)
    except ValueError:
        found = _literal(value)
    return found if isinstance(found, list | dict) else value


def structured(value: object, field: str) -> object:
    """The value, unpacked if it is text that must be data: it begins like a list of objects, or like an object.

    Raises:
        RowError: it cannot be unpacked, and why.
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
    raise RowError("JSON", field=field, found=f"'{shown}…' which is none")


def looks_structured(value: str) -> bool:
    """Whether a text begins as lists of messages do, so that it is one or a broken one."""
    return value[:1] == "[" and _OBJECTS.match(value) is not None


def too_deep(value: str, depth: int) -> bool:
    """Whether lists and objects stand more than this deep in each other."""
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
    """A Python literal of lists, objects with names, texts and numbers; None if it is none."""
    if len(value) > LITERAL:
        return None
    for text in dict.fromkeys((value, _NO_COMMA.sub("}, {", value))):
        try:
            with warnings.catch_warnings():  # an odd backslash in the text is no business of the user's
                warnings.simplefilter("ignore")
                found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        return found if _is_data(found) else None
    return None


def _is_data(value: object, depth: int = 0) -> bool:
    """Whether this could stand in a JSON file: no sets, no bytes, no keys but names."""
    if isinstance(value, dict):
        return depth < DEFAULT.depth and all(isinstance(k, str) and _is_data(v, depth + 1) for k, v in value.items())
    if isinstance(value, list | tuple):
        return depth < DEFAULT.depth and all(_is_data(one, depth + 1) for one in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value.bit_length() <= 64
    return value is None or isinstance(value, str | float | bool)
