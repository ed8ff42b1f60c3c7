"""Output streams that cannot encode every character (cp1252, ascii): characters are replaced instead of raising errors.

plain_signs(sys.stdout, sys.stderr)   # then "→" is written as "->", other characters as \\u4e2d
echo_source(json_text(record))        # keeps the JSON value: "→" is written as \\u2192
"""

from __future__ import annotations

import codecs
import re
import sys
from io import TextIOWrapper
from typing import TextIO

import typer

HANDLER = "personalrm-plain"
_SIGNS = {
    "→": "->", "←": "<-", "⇒": "=>", "≥": ">=", "≤": "<=", "≠": "!=", "≈": "~", "≻": ">", "−": "-", "–": "-", "—": "-",
    "…": "...", "•": "*", "·": "-", "✓": "v", "✗": "x", "×": "x", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "²": "^2", "±": "+-",
}  # fmt: skip
_OUTSIDE = re.compile(r"[^\x00-\x7f]")


def plain_signs(*streams: TextIO) -> None:
    """Make streams without Unicode write replacements instead of raising UnicodeEncodeError."""
    codecs.register_error(HANDLER, _spelled)
    for one in streams:
        if isinstance(one, TextIOWrapper) and not _is_unicode(one):
            one.reconfigure(errors=HANDLER)


def echo_source(text: str) -> None:
    """Print JSON or Python source; characters that cannot be encoded become escapes, which keep the value."""
    typer.echo(text if _is_unicode(sys.stdout) else _OUTSIDE.sub(_escape, text))


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "utf-8").lower().replace("_", "-").startswith(("utf", "cp65001"))


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    given = error.object[error.start : error.end]
    return "".join(_SIGNS.get(one, one.encode("ascii", "backslashreplace").decode()) for one in given), error.end
