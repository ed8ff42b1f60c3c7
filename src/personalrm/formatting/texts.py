"""Untrusted text made safe to display: without terminal escapes, hidden characters and changes of text direction.

plain("a\x1b[31mb\\nc")              # "a�[31mb c"
shortened("a very long name", 10)    # "a ver…name"
printable("a\x1b[2Jb\\nc")           # "a�[2Jb\nc": line ends and tabs stay
portable("a\x1b]52;c;eA==\x07b")     # "a]52;c;eA==b": for texts exported to other tools
json_text({"a": "\x9b2J"})           # '{\n  "a": "\\u009b2J"\n}': the same value, without terminal escapes
"""

from __future__ import annotations

import re
from typing import Any

import orjson

_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
"""Control characters, text-direction marks and lone surrogates, which are invalid or unsafe in HTML, SVG and UTF-8."""
_COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Terminal control characters (C0 with ESC, DEL, C1) and text-direction marks, but not tabs and line feeds."""
_HIDDEN = re.compile("[\u200b\u2060-\u2064\ufeff]")
_LINES = re.compile("\r\n?|[\x85\u2028\u2029]")


def printable(text: str) -> str:
    """The text with � for terminal control characters and text-direction marks, without invisible characters."""
    return _HIDDEN.sub("", _COMMANDS.sub("�", text))


def portable(text: str) -> str:
    """The text without terminal control characters, direction marks and invisible characters, with LF line ends.

    For exported prompts: tools that read, print or paste them get the visible characters only.
    """
    return _HIDDEN.sub("", _COMMANDS.sub("", _LINES.sub("\n", text)))


def encodable(text: str) -> str:
    """The text with ? for lone surrogates, which have no UTF-8 encoding."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def json_text(record: Any) -> str:
    """Indented JSON in which the characters that `printable` changes are escaped, so that the value is unchanged."""
    return escaped(orjson.dumps(record, option=orjson.OPT_INDENT_2).decode())


def escaped(source: str) -> str:
    """JSON or Python source with the characters that `printable` would change written as ``\\u…`` (same value)."""
    return _HIDDEN.sub(_escape, _COMMANDS.sub(_escape, source))


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def plain(text: str) -> str:
    """The text on one line: white space as single blanks, characters that cannot be displayed as �."""
    return " ".join(_UNSHOWABLE.sub("�", text).split())


def cut(text: str, length: int) -> str:
    """One line of at most ``length`` characters, with a final … if the text is longer."""
    line = plain(text[: 4 * length])
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def shortened(name: str, length: int) -> str:
    """A name of at most ``length`` characters; the middle is removed, because long names differ at their ends."""
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
