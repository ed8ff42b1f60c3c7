"""Rows of sets as they are published become rows of columns that `formats` knows.

| set | what a row becomes |
|---|---|
| PRISM, `conversations.jsonl` | a row of ratings for each turn (`prism`) |
| Chatbot Arena, MT-Bench | two responses with a winner (`arena`) |
| PersonalRewardBench | itself, with the consensus judges' verdicts (`personalrewardbench`) |

    for line, row in unpacked(rows("conversations.jsonl")): ...
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from personalrm.data import arena, personalrewardbench, prism
from personalrm.data.fields import Fields
from personalrm.data.files import Row
from personalrm.errors import RowError


def unpacked(found: Iterable[Row]) -> Iterator[Row]:
    """Rows as they come, published ones unpacked; what cannot be unpacked comes out as a `RowError` in its place."""
    for line, row in found:
        if isinstance(row, RowError):
            yield line, row
            continue
        try:
            for one in _known(row):
                yield line, one
        except RowError as error:
            yield line, error


def _known(row: Fields) -> Iterable[Fields]:
    if prism.is_conversation(row):
        return prism.rated_turns(row)
    if arena.is_battle(row):
        return (arena.battle(row),)
    if personalrewardbench.is_published(row):
        return (personalrewardbench.with_judges(row),)
    return (row,)
