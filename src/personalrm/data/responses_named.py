"""Interpret values that refer to the responses of a list: ids, an order, or a number for each.

in_order([2, 0, 1], said, "order")         # ranks 2, 3, 1: the third response was the best
of_id("r2", [{"id": "r1"}, {"id": "r2"}])  # {1}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from personalrm.data.columns import SCORES
from personalrm.data.fields import describe, first_of, number
from personalrm.data.ratings import Judged
from personalrm.data.winners import as_number
from personalrm.errors import RowError

_IDS = ("id", "response_id", "message_id", "completion_id", "answer_id", "uuid", "key")


def of_id(value: object, listed: Sequence[Any]) -> frozenset[int]:
    """Index of the response with this id; empty if it is not unique, or if the value may be an index instead."""
    ids = [first_of(one, _IDS)[1] if isinstance(one, Mapping) else None for one in listed]
    counts = isinstance(value, int) and all(isinstance(one, int) and 0 <= one <= len(ids) for one in ids)
    same = [at for at, one in enumerate(ids) if one is not None and str(one) == str(value)]
    return frozenset(same) if len(same) == 1 and not counts else frozenset()


def in_order(values: Sequence[object], said: Sequence[Judged], field: str) -> list[Judged]:
    """The responses with ranks, from a list that orders them best first, by number (from 0 or 1) or by text."""
    texts = {one.response.strip(): at for at, one in enumerate(said)}
    numbers = [as_number(one) for one in values]
    if all(one is not None for one in numbers):
        first = 0.0 if 0.0 in numbers else 1.0
        places: list[object] = [one - first for one in numbers if one is not None]
    else:
        places = [texts.get(one.strip()) if isinstance(one, str) else None for one in values]
    if set(places) != set(range(len(said))):  # 1.0 == 1 in a set
        raise RowError("each response once, best first: its number or its text", field=field, found=describe(values))
    rank = {place: float(at) for at, place in enumerate(places, 1)}
    return [one._replace(rank=rank[at]) for at, one in enumerate(said)]


def is_ambiguous(values: Sequence[float | None]) -> bool:
    """Whether numbers mean different things as ranks of the responses and as an order of them, such as 3, 1, 2."""
    numbers = [one for one in values if one is not None]
    first = min(numbers, default=0.0)
    if len(numbers) < len(values) or set(numbers) != {first + at for at in range(len(values))}:
        return False  # only as ranks
    places = [int(one - first) for one in numbers]
    return any(places[place] != at for at, place in enumerate(places))


def one_number(value: object, field: str) -> float:
    """The number in a value, or in the score field of an object. Raises RowError if there is none."""
    if isinstance(value, Mapping):
        name, value = first_of(value, SCORES)
        field = f"{field}.{name}"
    return number(value, field)
