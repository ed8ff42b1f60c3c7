r"""A tolerant reader for the JSON object in a model's answer, with text around it or with syntax errors.

    parse_json('Sure! ```json\\n{“claims”: ["short answers", "no lists",], "summary": "Likes it sho')
    # {"claims": ["short answers", "no lists"], "summary": "Likes it sho"}

It accepts single and typographic quotes, trailing commas, bare words, raw line breaks and unescaped quotes in strings,
and closes truncated values. Strict JSON is parsed with orjson. Every character is read a bounded number of times, so
that 200,000 opening braces take milliseconds.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

_MAX_DEPTH = 64
_MAX_FALSE_STARTS = 16
_SPACE = re.compile(r"[\s\x00-\x1f]*")
_BARE = re.compile(r"[^,:{}\[\]\n\"]+")
_KEY = re.compile(r"[\w$][\w$ .-]{0,80}")
_QUOTES = {'"': '"', "'": "'", "“": '”“"', "”": '”"', "‘": "’‘'", "`": "`"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
# A quote ends a string only if the next token can follow a string; other quotes are part of it.
_AFTER_KEY = re.compile(r"\s{0,40}:")
_AFTER_VALUE = re.compile(r"\s{0,40}(?:$|[}\]]|,\s{0,80}(?:$|[\"'“”‘}\]{\[]|[\w$]{1,40}\s{0,4}:|-?\d|true|false|null))")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "none": None}


class _NoObject(Exception):
    """No object starts here; never leaves this module."""


def parse_json(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a model's answer; None if there is none.

    Of several objects, the last complete one counts (a final answer follows its drafts), else the last truncated one.
    """
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _last_object(text)
    return whole if isinstance(whole, dict) else _last_object(text)


def _last_object(text: str) -> dict[str, Any] | None:
    complete: dict[str, Any] | None = None
    cut: dict[str, Any] | None = None
    start, failures = text.find("{"), 0
    while start >= 0 and failures < _MAX_FALSE_STARTS:
        reader = _Reader(text, start)
        try:
            found = reader.object(0)
        except _NoObject:
            failures, start = failures + 1, text.find("{", start + 1)
            continue
        if reader.cut and found:
            cut = found
        elif not reader.cut and (found or complete is None):
            complete = found
        start = text.find("{", reader.at)
    return cut if complete is None else complete


class _Reader:
    """One pass over the text from an opening brace; ``cut`` is True if the text ended early."""

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at, self.cut = text, at, False

    def object(self, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        self.at += 1
        if depth > _MAX_DEPTH:
            raise _NoObject
        doubled = 0
        while self._next() == "{" and not result:  # "{{", as in templates
            self.at, doubled = self.at + 1, doubled + 1
        while True:
            char = self._next()
            if char == ",":
                self.at += 1
            elif char == "}":
                self._close(doubled)
                return result
            elif not char or not self._pair(result, depth):
                self.cut = True
                return result

    def _close(self, doubled: int) -> None:
        self.at += 1
        while doubled and self._next() == "}":
            self.at, doubled = self.at + 1, doubled - 1

    def _pair(self, result: dict[str, Any], depth: int) -> bool:
        """Read one key and value into ``result``; false if the text ended before the value."""
        key = self._key()
        if not self._next():
            return False
        if self._next() != ":":
            raise _NoObject
        self.at += 1
        if not self._next():
            return False
        result[key] = self._read(depth + 1)
        return bool(self._next())

    def _next(self) -> str:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def _key(self) -> str:
        if self._next() in _QUOTES:
            return self._string(_AFTER_KEY)
        match = _KEY.match(self.text, self.at)
        if match is None:
            raise _NoObject
        self.at = match.end()
        return match[0].strip()

    def _read(self, depth: int) -> Any:
        char = self._next()
        if char == "{":
            return self.object(depth)
        if char == "[":
            return self._array(depth)
        if char in _QUOTES:
            return self._string(_AFTER_VALUE)
        return self._bare()

    def _array(self, depth: int) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        if depth > _MAX_DEPTH:
            raise _NoObject
        while True:
            char = self._next()
            if char == ",":
                self.at += 1
            elif char == "]":
                self.at += 1
                return items
            elif not char or char in "}:":  # cut off, or closed by the brace around it
                self.cut = self.cut or not char
                return items
            else:
                items.append(self._read(depth + 1))

    def _string(self, after: re.Pattern[str]) -> str:
        closing = _QUOTES[self.text[self.at]]
        ends = re.compile(rf"\\.|[{closing}]", re.DOTALL)
        start = self.at + 1
        for match in ends.finditer(self.text, start):
            if match[0][0] != "\\" and after.match(self.text, match.end()):
                self.at = match.end()
                return _unescape(self.text[start : match.start()])
        self.at, self.cut = len(self.text), True
        return _unescape(self.text[start:].rstrip("`\n "))

    def _bare(self) -> Any:
        match = _BARE.match(self.text, self.at)
        if match is None:
            raise _NoObject
        self.at = match.end()
        word = match[0].strip()
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        for number in (int, float):
            try:
                return number(word) if len(word) < 30 else word
            except ValueError:
                continue
        return word


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    plain = _ESCAPE.sub(_escaped, text)
    if any("\ud800" <= one <= "\udfff" for one in plain):  # pairs become one character, lone halves a question mark
        plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return plain


def _escaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else _ESCAPES.get(code, code)
