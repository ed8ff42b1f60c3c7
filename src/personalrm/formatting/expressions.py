"""Regular expressions with a running time linear in the length of any text.

    bounded(r"\\W*(?:and|or)\\s+").pattern            # "\\W{0,12}(?:and|or)\\s{1,12}"

An unbounded repeat makes a search quadratic if a match can begin at each of n characters and fail at the end of the
text. Normal text does not have twelve blanks or signs in a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST = 12
"""Default maximum of repeats for ``*`` and ``+``."""
_OPEN = re.compile(r"\{\d+,\}")


def bounded(pattern: str, flags: int = 0, most: int = MOST) -> re.Pattern[str]:
    """The expression compiled, with ``*``, ``+`` and ``{n,}`` bounded to ``most`` repeats.

    Possessive repeats (``*+``) are unchanged: they never backtrack.
    """
    return re.compile("".join(_parts(pattern, most)), flags)


def _parts(pattern: str, most: int) -> Iterator[str]:
    at, in_set = 0, False
    while at < len(pattern):
        here = pattern[at]
        if here == "\\":
            yield pattern[at : at + 2]
            at += 2
            continue
        opened = None if in_set else _OPEN.match(pattern, at)
        width = opened.end() - at if opened else 1
        if not in_set and (here in "*+" or opened) and pattern[at + width : at + width + 1] == "+":
            width += 1
            yield pattern[at : at + width]
        elif not in_set and here in "*+":
            yield f"{{{int(here == '+')},{most}}}"
        elif opened:
            yield f"{{{pattern[at + 1 : opened.end() - 2]},{most}}}"
        else:
            in_set = _is_in_set(pattern, at, in_set)
            yield here
        at += width


def _is_in_set(pattern: str, at: int, in_set: bool) -> bool:
    """Whether the position after ``at`` is inside a character set; ``]`` at the start of a set is a literal."""
    if not in_set:
        return pattern[at] == "["
    first = pattern[at - 1] == "[" or pattern[at - 2 : at] == "[^"
    return pattern[at] != "]" or first
