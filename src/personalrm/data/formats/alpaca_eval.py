"""AlpacaEval and AlpacaFarm annotations: ``preference`` from 1 (the first output) to 2 (the second), 1.5 a tie.

A weighted annotator gives the expected value, such as 1.03. Other numbers are left to the reader of winner columns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from personalrm.data.fields import Fields, without
from personalrm.data.formats.base import Format
from personalrm.data.winners import as_number

_TELLING = frozenset(("generator_1", "generator_2", "annotator", "annotator_index"))
_MIDDLE = 1.5


def rows(row: Fields) -> Iterator[Fields]:
    value = row["preference"]
    found = as_number(value)
    if found is not None and 1 <= found <= 2:
        value = "tie" if found == _MIDDLE else 1 if found < _MIDDLE else 2
    yield {**without(row, "preference"), "winner": value}


def _is_ours(columns: Collection[str]) -> bool:
    return not _TELLING.isdisjoint(columns) and "winner" not in columns


FORMATS = (
    Format("AlpacaEval annotations", ("output_1", "output_2", "preference"), rows, also=_is_ours, hands_on=True),
)
