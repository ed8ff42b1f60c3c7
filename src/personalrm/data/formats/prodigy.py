"""Prodigy's choice interface: options, and the ids of the accepted options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from personalrm.data.fields import Fields, describe, first_of
from personalrm.data.formats.base import Format
from personalrm.data.winners import Winner
from personalrm.errors import RowError

_ASKED = ("prompt", "question", "messages", "text", "html")
_SHORT = 40
_ANNOTATOR = ("_annotator_id", "_session_id")


def rows(row: Fields) -> Iterator[Fields]:
    options, accepted = row["options"], row["accept"]
    if row.get("answer", "accept") != "accept" or not accepted:
        return
    if not isinstance(options, list) or not all(isinstance(one, Mapping) for one in options):
        raise RowError("a list of options with id and text", field="options", found=describe(options))
    said = {str(one.get("id", at)): first_of(one, ("text", "html", "label"))[1] for at, one in enumerate(options)}
    picked = [str(one) for one in accepted if str(one) in said] if isinstance(accepted, list) else []
    if not picked:
        raise RowError(f"one of the options {', '.join(said)}", field="accept", found=describe(accepted))
    ties = {name for name, text in said.items() if len(said) > 2 and (_is_tie(name) or _is_tie(text))}
    left = [name for name in said if name not in ties]
    chosen = left if ties & {*picked} else picked
    name, asked = first_of(row, _ASKED)
    yield {
        "messages" if name == "messages" else "prompt": asked,
        "responses": [{"content": said[one]} for one in left],
        "winner": [f"response {left.index(one) + 1}" for one in chosen],
        "user": first_of(row, _ANNOTATOR)[1],
        "time": row.get("_timestamp"),
    }


def _is_tie(value: object) -> bool:
    """Whether an option says that neither answer is better, rather than being an answer."""
    both = Winner(("a", "b"), ("response a", "response b"))
    return isinstance(value, str) and len(value) < _SHORT and both.of(value) == frozenset({0, 1})


FORMATS = (Format("Prodigy choices", ("options", "accept"), rows, (*_ASKED, *_ANNOTATOR, "answer", "_view_id")),)
