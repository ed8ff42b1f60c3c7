"""Prodigy's choice interface: options, and the ids of the accepted options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from personalrm.data.fields import Fields, describe, first_of
from personalrm.data.formats.base import Format
from personalrm.errors import RowError

_ASKED = ("prompt", "question", "messages", "text", "html")
_ANNOTATOR = ("_annotator_id", "_session_id")


def rows(row: Fields) -> Iterator[Fields]:
    options, accepted = row["options"], row["accept"]
    if row.get("answer", "accept") != "accept" or not accepted:
        return
    if not isinstance(options, list) or not all(isinstance(one, Mapping) for one in options):
        raise RowError("a list of options with id and text", field="options", found=describe(options))
    ids = [str(one.get("id", at)) for at, one in enumerate(options)]
    chosen = [ids.index(str(one)) + 1 for one in accepted if str(one) in ids] if isinstance(accepted, list) else []
    if not chosen:
        raise RowError(f"one of the options {', '.join(ids)}", field="accept", found=describe(accepted))
    name, asked = first_of(row, _ASKED)
    yield {
        "messages" if name == "messages" else "prompt": asked,
        "responses": [{"content": first_of(one, ("text", "html", "label"))[1]} for one in options],
        "winner": [f"response {at}" for at in chosen],
        "user": first_of(row, _ANNOTATOR)[1],
        "time": row.get("_timestamp"),
    }


FORMATS = (Format("Prodigy choices", ("options", "accept"), rows, (*_ASKED, *_ANNOTATOR, "answer", "_view_id")),)
