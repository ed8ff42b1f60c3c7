"""A choice in an object, or in JSON text, within a column: ``{"id": 7, "data": {"prompt": …, …}}``.

Used only if the columns themselves have no choice; the keys of the objects then become columns. Columns such as
``data.prompt``, as pandas writes nested objects, lose the part before the dot if it names a container.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from personalrm.data.column_roles import layout_of
from personalrm.data.columns import plain
from personalrm.data.fields import Fields
from personalrm.data.formats.base import Format
from personalrm.data.unpacking import unpacked

_CONTAINERS = frozenset(
    (
        *("data", "fields", "input", "inputs", "output", "outputs", "properties", "event_properties", "payload"),
        *("params", "response", "annotations", "annotation", "metadata", "meta", "row", "record", "value", "task"),
    )
)
_DECIDES = {"pair": "rejected", "sides": "winner", "list": "winner"}


def rows(row: Fields) -> Iterator[Fields]:
    yield _opened(row)


def _opened(row: Fields) -> dict[str, Any]:
    """The row with the keys of its objects as columns; existing columns take precedence."""
    found: dict[str, Any] = {}
    for whole, value in row.items():
        first, _, last = whole.rpartition(".")
        name = last if first and _CONTAINERS.issuperset(map(plain, first.split("."))) and last not in row else whole
        inner = unpacked(value) if isinstance(value, str) and value[:1] == "{" else value
        if isinstance(inner, Mapping) and not {"role", "from"} & inner.keys():
            for key, one in inner.items():
                found.setdefault(str(key), one)
        else:
            found[name] = value if name == whole else found.get(name, value)
    return found


def _says_nothing(columns: Collection[str]) -> bool:
    return not layout_of(tuple(columns)).kind


def _holds_a_choice(row: Fields) -> bool:
    layout = layout_of(tuple(_opened(row)))
    return layout.kind in _DECIDES and _DECIDES[layout.kind] in layout.roles


FORMATS = (Format("a choice within a column", (), rows, accepts=_holds_a_choice, also=_says_nothing, hands_on=True),)
