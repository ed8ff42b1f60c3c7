"""Other spellings of a credential: percent-encoding, escapes, base64, capitals; and the words that it is made of.

decode("sk%2D1")                # "sk-1", and the span of each of its characters in the text
random_places("my-key-7f")       # "my-key- f": a blank where a character is random
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_SPELLED = re.compile(r"%([0-9a-f]{2})|\\u00([0-9a-f]{2})|\\x([0-9a-f]{2})|&\#x0{0,6}([0-9a-f]{2});", re.IGNORECASE)
_DECIMAL = re.compile(r"&\#0{0,6}(\d{2,3});")
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST_WORD = 14
_SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
"""Only letters of ASCII, so that the length stays."""


def forms(secret: str) -> set[str]:
    """The credential as given, percent-encoded and JSON-escaped."""
    return {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}


def base64_forms(secret: bytes) -> Iterator[str]:
    """The characters of base64 that the bytes determine, at each of the three offsets, in both alphabets."""
    for offset in range(3):
        whole = b64encode(bytes(offset) + secret).decode().rstrip("=")
        first = (8 * offset + 5) // 6
        part = whole[first : (8 * (offset + len(secret))) // 6]
        yield part
        yield part.translate({ord("+"): "-", ord("/"): "_"})


def lowered(text: str) -> str:
    """The text in small letters, as long as before."""
    return text.lower() if text.isascii() else text.translate(_SMALL)


def decode(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text with escapes of single ASCII characters decoded, and the span of each character; none if unchanged."""
    if not any(one in text for one in ("%", "\\", "&#")):
        return text, []
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    at = 0
    found = sorted((*_SPELLED.finditer(text), *_DECIMAL.finditer(text)), key=lambda one: one.start())
    if not found:
        return text, []
    for one in found:
        digits = next(filter(None, one.groups()))
        code = int(digits, 10 if one.re is _DECIMAL else 16)
        parts += (text[at : one.start()], chr(code))
        spans += [*((place, place + 1) for place in range(at, one.start())), one.span()]
        at = one.end()
    spans += [(place, place + 1) for place in range(at, len(text))]
    return "".join((*parts, text[at:])), spans


def random_places(secret: str) -> str:
    """The credential with blanks for digits, and for letters that are no word: too many, or of mixed case."""
    return re.sub(r"\d", " ", _WORD.sub(lambda run: run[0] if _is_word(run[0]) else " " * len(run[0]), secret))


def _is_word(letters: str) -> bool:
    return len(letters) <= _LONGEST_WORD and (letters.islower() or letters.istitle())
