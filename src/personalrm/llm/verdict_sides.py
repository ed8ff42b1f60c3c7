"""The two sides of a comparison as an answer names them: "A", "Response 2", "the first one", "(b)".

    side_of("second")                                                              # "b"
    found_in(OPTIONS.search("I prefer Response 2."))                               # Found("b", 18, 19)

All repetitions are bounded, so that time is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NamedTuple

from personalrm.formatting.expressions import bounded
from personalrm.preferences import Side


class Found(NamedTuple):
    """A verdict; ``start`` and ``end`` delimit the deciding letter, digit or word in the text."""

    side: Side
    start: int
    end: int


Reading = Found | Literal["undecided"] | None
"""A verdict; "undecided" for a tie or a truncated value; None to search on."""

SIDES: dict[str, Side] = {
    "a": "a", "1": "a", "one": "a", "first": "a", "b": "b", "2": "b", "two": "b", "second": "b",
}  # fmt: skip
TIE_VALUES = frozenset(
    ["tie", "tied", "draw", "both", "neither", "either", "equal", "equally", "same", "none", "null", "c", "0"]
)

NOUN = (
    r"(?:output|response|completion|assistant|answer|option|candidate|model|choice|reply|text|argument"
    r"|essay|summary|version|conversation)"
)
# Names of a side. A bare letter must be upper case ("a" is an article) and separate.
OPTION = (
    rf"(?:\b(?i:{NOUN})[\s_*`\"'“‘(\[#:-]{{0,4}}(?P<named>[abAB12１２１٢١१२]|(?i:one|two))(?![\w'’])[)\]*_`\"'”’]{{0,4}}"
    rf"|\b(?P<order>(?i:first|second))(?:\s+(?i:{NOUN}|one)\b|(?=\s+(?i:is|was|wins)\b|\W*$|\s*[.!\n]))"
    r"|(?<![\w)])[(\[\"'“‘*`]{1,3}(?P<marked>[abAB12])[)\]\"'”’*`]{1,3}"
    r"|(?<![\w'’-])(?P<bare>[AB])(?![\w'’&/-])(?!\s+(?i:tie|draw)\b))"
)
OPTIONS = bounded(OPTION)


def normal(word: str) -> str:
    """Return the plain form of a letter or digit: full-width, circled and other scripts' digits become 1 and 2."""
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFKC", word).lower()
    return str(unicodedata.digit(plain)) if len(plain) == 1 and plain.isdigit() else plain


def side_of(word: str) -> Side | None:
    return SIDES.get(normal(word))


def last_line(text: str) -> tuple[str, int]:
    """The last line that is not blank, without blanks at its end, and where it starts in the text."""
    kept = text.rstrip()
    start = kept.rfind("\n") + 1
    return kept[start:], start


def found_in(match: re.Match[str], offset: int = 0) -> Found | None:
    """The side that a match of a regex with option groups names; ``offset`` is that of the slice in the text."""
    name = match.lastgroup
    side = side_of(match[name]) if name else None
    return Found(side, offset + match.start(name), offset + match.end(name)) if name and side else None


def plain_digits(text: str) -> str:
    """The text with digits and letters of other scripts in plain form, of the same length."""
    if text.isascii():
        return text
    return "".join(plain if len(plain := normal(one)) == 1 else one for one in text)
