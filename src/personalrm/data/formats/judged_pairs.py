"""PandaLM (``result`` 0 a tie, 1 the first, 2 the second) and Auto-J (``label`` 0 the first, 1 the second, 2 a tie)."""

from __future__ import annotations

from collections.abc import Iterator

from personalrm.data.fields import Fields, describe, missing, without
from personalrm.data.formats.base import Format
from personalrm.data.winners import as_number
from personalrm.errors import RowError

_ANNOTATORS = ("annotator1", "annotator2", "annotator3")
_PANDA = {1.0: "response 1", 2.0: "response 2", 0.0: "tie"}
_AUTO_J = {0.0: "response 1", 1.0: "response 2", 2.0: "tie"}


def panda(row: Fields) -> Iterator[Fields]:
    yield {**without(row, "result"), "winner": _meaning(row, "result", _PANDA)}


def panda_test(row: Fields) -> Iterator[Fields]:
    rest = without(row, *_ANNOTATORS)
    for name in _ANNOTATORS:
        if not missing(row[name]):
            yield {**rest, "user": name, "winner": _meaning(row, name, _PANDA)}


def auto_j(row: Fields) -> Iterator[Fields]:
    yield {**without(row, "label", "scenario"), "winner": _meaning(row, "label", _AUTO_J), "domain": row["scenario"]}


def _meaning(row: Fields, field: str, meanings: dict[float, str]) -> str:
    found = as_number(row[field])
    if found not in meanings:
        raise RowError("0, 1 or 2", field=field, found=describe(row[field]))
    return meanings[found]


_SIDES = ("instruction", "input", "response1", "response2")
FORMATS = (
    Format("PandaLM", (*_SIDES, "result"), panda, hands_on=True),
    Format("PandaLM's test set", (*_SIDES, *_ANNOTATORS), panda_test, hands_on=True),
    Format("Auto-J", ("prompt", "response 1", "response 2", "label", "scenario"), auto_j, hands_on=True),
)
