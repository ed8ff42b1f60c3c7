"""LLaMA-Factory: KTO files with a tag, and older ranking files, whose output is [better answer, worse answer].

Its ShareGPT and Alpaca preference files (``conversations`` or ``instruction`` with ``chosen`` and ``rejected``) are
generic columns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from personalrm.data.contents import messages
from personalrm.data.fields import Fields, without
from personalrm.data.formats.base import Format
from personalrm.errors import RowError

_TURNS = ("conversations", "messages")
_TAGS = ("kto_tag", "label")
_ANSWERS = frozenset(("response", "completion", "answer", "output", "chosen", "rejected", "responses", "completions"))


def tagged(row: Fields) -> Iterator[Fields]:
    """Yield an unpaired row from a conversation whose last answer has a good/bad tag."""
    name = next((one for one in _TURNS if row.get(one)), _TURNS[0])
    said = messages(row.get(name), name)
    if not said or said[-1].role != "assistant":
        raise RowError("a conversation that ends with an answer", field=name, found=f"{len(said)} messages")
    rest = {key: value for key, value in row.items() if key not in (*_TURNS, _tag(row))}
    context = [{"role": one.role, "content": one.content} for one in said[:-1]]
    yield {**rest, "context": context, "response": said[-1].content, "liked": row[_tag(row)]}


def _tag(row: Fields) -> str:
    return next(name for name in _TAGS if name in row)


def ranked(row: Fields) -> Iterator[Fields]:
    better, worse = row["output"]
    yield {**without(row, "output"), "chosen": better, "rejected": worse}


def _is_pair(row: Fields) -> bool:
    value = row["output"]
    return isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value)


def _has_turns(row: Fields) -> bool:
    return any(row.get(name) for name in _TURNS)


def _has_no_answer(columns: Collection[str]) -> bool:
    return _ANSWERS.isdisjoint(columns)


FORMATS = (
    Format("LLaMA-Factory KTO", ("kto_tag",), tagged, accepts=_has_turns, hands_on=True),
    Format("KTO in messages (ms-swift)", ("messages", "label"), tagged, also=_has_no_answer, hands_on=True),
    Format("LLaMA-Factory ranking", ("instruction", "output"), ranked, accepts=_is_pair, hands_on=True),
)
