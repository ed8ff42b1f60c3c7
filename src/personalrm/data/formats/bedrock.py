"""Amazon Bedrock (Nova) preference fine-tuning: the last turn has two candidates, each with a preference label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from personalrm.data.fields import Fields, without
from personalrm.data.formats.base import Format
from personalrm.errors import RowError

_LABELS = {"preferred": True, "non-preferred": False, "non_preferred": False, "nonpreferred": False}


def rows(row: Fields) -> Iterator[Fields]:
    *turns, last = row["messages"]
    responses = []
    for at, one in enumerate(last["candidates"]):
        label = str(one.get("preferenceLabel", "")).strip().lower() if isinstance(one, Mapping) else ""
        if label not in _LABELS:
            raise RowError(
                "preferred or non-preferred", field=f"messages.candidates.{at}.preferenceLabel", found=f"'{label[:40]}'"
            )
        responses.append({"content": one.get("content"), "liked": _LABELS[label]})
    rest = without(row, "messages", "schemaVersion")
    yield {**rest, "messages": turns, "responses": responses}


def _is_ours(row: Fields) -> bool:
    messages: Sequence[Any] = row["messages"] if isinstance(row["messages"], list) else ()
    last = messages[-1] if messages else None
    return isinstance(last, Mapping) and isinstance(last.get("candidates"), list)


FORMATS = (Format("Amazon Bedrock preference fine-tuning", ("messages",), rows, accepts=_is_ours, hands_on=True),)
