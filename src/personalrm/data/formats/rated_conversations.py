"""Conversations with a thumb or a rating of their last answer: ``{"messages": […], "feedback": "positive"}``."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from personalrm.data.column_roles import layout_of
from personalrm.data.columns import ROLES
from personalrm.data.contents import messages
from personalrm.data.fields import Fields
from personalrm.data.formats.base import Format
from personalrm.errors import RowError

_RATED = frozenset(("liked", "thumb", "thumbs", "thumbs_up", "feedback", "user_feedback", "rating", "stars"))


def rows(row: Fields) -> Iterator[Fields]:
    name = next(one for one in ROLES["context"] if one in row)
    said = messages(row[name], name)
    if not said or said[-1].role != "assistant":
        raise RowError("a conversation that ends with an answer", field=name, found=f"{len(said)} messages")
    context = [{"role": one.role, "content": one.content} for one in said[:-1]]
    yield {**{key: one for key, one in row.items() if key != name}, "context": context, "response": said[-1].content}


def _is_rated(columns: Collection[str]) -> bool:
    listed = any(one in columns for one in ROLES["context"])
    return listed and not _RATED.isdisjoint(columns) and not layout_of(tuple(columns)).kind


def _is_list(row: Fields) -> bool:
    value = row[next(one for one in ROLES["context"] if one in row)]
    return isinstance(value, list) or (isinstance(value, str) and value[:1] == "[")


FORMATS = (Format("rated conversations", (), rows, accepts=_is_list, also=_is_rated, hands_on=True),)
