"""Extract rows from wrapper objects: ``{"data": [row, …]}``, ``{"id 1": row, …}``, and tables stored by column.

list(unwrapped({"comparisons": [{"prompt": …}, …], "total": 2}))            # the rows
list(unwrapped({"prompt": ["Hi", "Bye"], "chosen": […], "rejected": […]}))  # a row for each item
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from personalrm.data.columns import ROLES, plain
from personalrm.data.fields import Fields, describe
from personalrm.errors import RowError

WRAPPERS = ("data", "rows", "items", "results", "records", "examples", "entries", "pairs", "preferences", "feedback")
"""Keys under which exports store their list of rows."""
SPLITS = ("train", "validation", "test")
_TELLING = frozenset((*WRAPPERS, *SPLITS, "row_idx"))
_SAID = frozenset(
    (
        "prompt",
        "question",
        "instruction",
        "input",
        "context",
        "messages",
        "user",
        "user_id",
        "query",
        "inputs",
        "outputs",
    )
)
_NAMES = frozenset(name for role, names in ROLES.items() if role != "asked" for name in names)
_DEEPEST = 4


def may_be_wrapped(row: Fields) -> bool:
    """Whether an object may be a wrapper: a typical key, or a list or object as first non-text value. Fast."""
    if not _TELLING.isdisjoint(row):
        return True
    for value in row.values():
        if type(value) is str:  # true for the first value of nearly all rows
            return False
    return any(isinstance(value, dict | list) for value in row.values())


def unwrapped(row: Fields, depth: int = 0) -> Iterator[Fields | RowError]:
    """Yield the rows in a wrapper object, or the row itself if it is not a wrapper."""
    inner = row.get("row")
    if isinstance(inner, dict) and "row_idx" in row:  # format of the Hugging Face dataset viewer
        yield inner
        return
    listed = _listed(row)
    if listed is not None:
        for one in listed:
            yield from unwrapped(one) if isinstance(one, dict) else [RowError("a JSON object", found=describe(one))]
        return
    within = _only_object(row)
    if within is not None and depth < _DEEPEST:
        yield from unwrapped(within, depth + 1)
        return
    yield from _table(row) or [row]


def _listed(row: Fields) -> list[Any] | None:
    """All rows in the lists of an export or of a data set's splits; None if there are none."""
    names = [name for name in (*WRAPPERS, *SPLITS) if _are_rows(row.get(name))]
    if names and (names[0] in SPLITS or (_SAID.isdisjoint(row) and not {"chosen", "rejected"} & row.keys())):
        return [one for name in (names if names[0] in SPLITS else names[:1]) for one in row[name]]
    lists = [name for name, value in row.items() if isinstance(value, list)]
    if len(lists) == 1 and plain(lists[0]) not in _NAMES and _are_rows(row[lists[0]]) and _tell_nothing(row):
        found: list[Any] = row[lists[0]]
        return found
    by_name = list(row.values())
    if len(by_name) > 1 and all(isinstance(one, dict) and len(one) > 1 for one in by_name) and _unknown(row):
        return by_name  # {"id 1": {…}, "id 2": {…}}
    return None


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value[:50])


def _tell_nothing(row: Fields) -> bool:
    """Whether no column other than the lists has a role in a choice."""
    return _unknown(name for name, value in row.items() if not isinstance(value, list))


def _unknown(names: Any) -> bool:
    return _NAMES.isdisjoint(map(plain, names))


def _only_object(row: Fields) -> dict[str, Any] | None:
    """The only value of the object if it has rows itself, as in {"data": {"rows": […]}}; else None."""
    inside = [value for value in row.values() if isinstance(value, dict)]
    if len(inside) != 1 or len(row) != 1 or not _unknown(row):
        return None
    found: dict[str, Any] = inside[0]
    return found if _listed(found) is not None else None


def _table(row: Fields) -> list[Fields] | None:
    """The rows of a table stored by column, as pandas and `datasets` write it; None if it is not such a table."""
    columns, data = row.get("columns"), row.get("data")
    if isinstance(columns, list) and isinstance(data, list) and all(isinstance(one, list) for one in data):
        return [dict(zip(map(str, columns), one, strict=False)) for one in data]
    values = list(row.values())
    if len(values) < 2 or _unknown(row):
        return None
    if all(isinstance(one, dict) for one in values):
        keys = list(values[0])
        same = len(keys) > 0 and keys[0].isdecimal() and all(list(one) == keys for one in values)
        return [{name: one[key] for name, one in row.items()} for key in keys] if same else None
    if not all(isinstance(one, list) and len(one) == len(values[0]) for one in values) or not values[0]:
        return None
    if any(isinstance(item, Mapping) and {"role", "from"} & item.keys() for one in values for item in one):
        return None  # one row with conversations
    if any(plain(name) in ROLES["responses"] and not isinstance(row[name][0], list) for name in row):
        return None  # one row with a list of responses
    return [dict(zip(row, items, strict=True)) for items in zip(*values, strict=True)]
