r"""The JSON in a host's body, also with a byte order mark, comments, another charset, or bytes after its end.

load_json(b'\xef\xbb\xbf: keep-alive\n\n{"choices": []}\x00')       # {"choices": []}
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

_COMMENTS = re.compile(r"\A(?::[^\n]*+\n|[\s\ufeff]++)++")
_DECODER = json.JSONDecoder()


def load_json(body: bytes) -> Any:
    """Return the value of a host's JSON; lone surrogates, NaN and integers beyond 64 bits are accepted and checked
    later. What follows an object is ignored.

    Raises:
        ValueError: not JSON, or nested too deeply.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body)
        except RecursionError:
            raise ValueError("nested too deep") from None
        except ValueError:
            return _first_value(text_of(body))


def json_lines(text: str) -> list[Any]:
    """Return the values of a text with one on each line. ValueError if a line is none."""
    return [orjson.loads(line) for line in text.split("\n") if line.strip()]


def text_of(body: bytes) -> str:
    """Return the text in UTF-8, or in Latin-1 if none of its bytes beyond ASCII is UTF-8; invalid bytes as U+FFFD."""
    text = body.decode("utf-8", "replace")
    beyond = [one for one in text if one > "\x7f"] if "\ufffd" in text else []
    return body.decode("latin-1") if beyond and set(beyond) == {"\ufffd"} else text


def whole(text: str) -> str:
    """Return the text with surrogate pairs joined and lone ones replaced by U+FFFD, so that UTF-8 can encode it."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _first_value(text: str) -> Any:
    start = _COMMENTS.match(text)
    text = text[start.end() :] if start else text
    if not text.startswith(("{", "[")):
        raise ValueError("no JSON object")
    try:
        return _DECODER.raw_decode(text)[0]
    except RecursionError:
        raise ValueError("nested too deep") from None
