"""ms-swift: a conversation whose last answer was preferred, and the rejected answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from personalrm.data.contents import messages
from personalrm.data.fields import Fields, missing, without
from personalrm.data.formats.base import Format
from personalrm.data.formats.several_rejected import are_texts
from personalrm.data.formats.several_rejected import rows as several_rejected
from personalrm.errors import RowError

_TURNS = ("messages", "conversation", "conversations")
REJECTED = ("rejected_response", "rejected_messages")


def rows(row: Fields) -> Iterator[Fields]:
    name = next(one for one in _TURNS if one in row)
    said = messages(row[name], name)
    if not said or said[-1].role != "assistant":
        raise RowError("a conversation that ends with an answer", field=name, found=f"{len(said)} messages")
    turns = [{"role": one.role, "content": one.content} for one in said]
    rest = without(row, name, *REJECTED)
    if not missing(row.get("rejected_messages")):
        yield {**rest, "chosen": turns, "rejected": row["rejected_messages"]}
    else:
        pair = {**rest, "context": turns[:-1], "chosen": said[-1].content, "rejected": row.get("rejected_response")}
        yield from several_rejected(pair) if are_texts(pair["rejected"]) else [pair]


def older(row: Fields) -> Iterator[Fields]:
    """Yield the choice of a version 2 row (``query``, ``response``); ``system`` and ``history`` are generic columns."""
    rest = without(row, "response", *REJECTED)
    yield {**rest, "chosen": row["response"], "rejected": row["rejected_response"]}


def _is_ours(row: Fields) -> bool:
    return "chosen" not in row and any(name in row for name in REJECTED)


def _has_turns(columns: Collection[str]) -> bool:
    return any(name in columns for name in _TURNS) and any(name in columns for name in REJECTED)


FORMATS = (
    Format("ms-swift", ("messages", "rejected_response"), rows, accepts=_is_ours, hands_on=True),
    Format("ms-swift with other turns", (), rows, accepts=_is_ours, also=_has_turns, hands_on=True),
    Format("ms-swift 2", ("query", "response", "rejected_response"), older, accepts=_is_ours, hands_on=True),
)
