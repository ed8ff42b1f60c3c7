"""Text of others as it may be shown: nothing in it commands, hides or turns a line around.

plain("a\x1b[31mb\\nc")              # "a�[31mb c"
shortened("a very long name", 10)    # "a ver…name"
"""

from __future__ import annotations

import re

_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""Control characters, marks that turn the direction of text, halves of characters: no HTML, SVG or UTF-8 holds them."""


def plain(text: str) -> str:
    """One line: white space as single blanks, what cannot be shown as �."""
    return " ".join(_UNSHOWABLE.sub("�", text).split())


def cut(text: str, length: int) -> str:
    """One line of at most ``length`` characters, ended by … where more follows."""
    line = plain(text[: 4 * length])
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def shortened(name: str, length: int) -> str:
    """A name of at most ``length`` characters; its middle goes, because long names differ at their ends."""
    line = plain(name)
    if len(line) <= length:
        return line
    end = (length - 1) // 2
    return f"{line[: length - 1 - end]}…{line[-end:]}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """'1 choice', '1,200 choices', '2 people'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: list[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
