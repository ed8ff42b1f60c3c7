"""OpenAI preference fine-tuning (also Together, Fireworks and Azure)."""

from __future__ import annotations

from collections.abc import Iterator

from personalrm.data.fields import Fields, describe, without
from personalrm.data.formats.base import Format
from personalrm.data.unpacking import structured
from personalrm.errors import RowError

CHOSEN, REJECTED = "preferred_output", "non_preferred_output"


def rows(row: Fields) -> Iterator[Fields]:
    asked = structured(row["input"], "input")
    messages = asked.get("messages") if isinstance(asked, dict) else asked
    if not isinstance(messages, list | str):
        raise RowError("an object with messages", field="input", found=describe(asked))
    rest = without(row, "input", CHOSEN, REJECTED)
    yield {**rest, "context": messages, "chosen": row[CHOSEN], "rejected": row[REJECTED]}


FORMATS = (Format("OpenAI preference fine-tuning", ("input", CHOSEN, REJECTED), rows, hands_on=True),)
