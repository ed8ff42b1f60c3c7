"""Read the metadata of a choice from a row: user, id, group, time, reason, and so on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from personalrm.data.columns import ROLES, SPLITS, plain
from personalrm.data.fields import (
    NOBODY,
    Fields,
    describe,
    encodable,
    first_of,
    flag,
    is_ambiguous_date,
    missing,
    moment,
    name_text,
    number,
    optional_text,
    text,
)
from personalrm.data.layout import Layout
from personalrm.data.unpacking import structured, unpacked
from personalrm.errors import RowError
from personalrm.preferences import ME, Part

WITHIN = tuple(one for one in ROLES["user"] if one not in ("judge", "expert", "person", "player", "worker", "email"))
"""Keys that name the user in an object with metadata."""
_WORDS = 6
"""Minimum number of words for which a text in the user column is taken for a user's message."""


def as_written(row: Fields, layout: Layout) -> bool:
    """Whether the row is marked ``as_written`` (see `writing`): its names and texts are not interpreted."""
    columns = layout.roles.get("as_written")
    return bool(columns) and flag(row.get(columns[0]), columns[0])  # type: ignore[index]


def user_of(row: Fields, layout: Layout) -> str:
    """The user of the row; ``me`` if it has none.

    Raises:
        RowError: the user column does not contain a name.
    """
    if layout.is_marked and as_written(row, layout):
        return text(row.get("user"), "user")
    for column in layout.roles.get("user", ()):
        value = row.get(column)
        if type(value) is str:
            if value in NOBODY or not value or value.isspace():
                continue
            if layout.only_user and (value.count(" ") + 1 >= _WORDS or value.rstrip().endswith("?")):
                found = f"{describe(value)}: if it is the prompt, say so with --columns prompt={column}"
                raise RowError("a person's name", field=column, found=found)
            return value if value.isascii() else encodable(value, column)
        if not missing(value):
            return name_text(value, column)
    return _person_within(row, layout) if layout.containers else ME


def _person_within(row: Fields, layout: Layout) -> str:
    """The user in an object with metadata (``{"metadata": {"user_id": …}}``); ``me`` if there is none."""
    for column in layout.containers:
        value = row.get(column)
        inner = unpacked(value) if isinstance(value, str) and value[:1] == "{" else value
        if isinstance(inner, Mapping):
            names = {plain(str(name)): str(name) for name in inner}
            known = (names[one] for one in WITHIN if one in names)
            name, found = first_of(inner, tuple(known))
            if name and isinstance(found, str | int) and found not in NOBODY:
                return name_text(found, f"{column}.{name}")
    return ME


def given_id(row: Fields, layout: Layout) -> tuple[str, str | None]:
    """Column and value of the row's id; the value is None if it has none."""
    columns = layout.roles.get("id")
    if not columns:
        return "", None
    if layout.is_marked and as_written(row, layout):
        return "id", text(row.get("id"), "id")
    value = row.get(columns[0])
    if type(value) is str and value and value.isascii() and value not in NOBODY and not value.isspace():
        return columns[0], value
    name, value = first_of(row, columns)
    return name, None if _is_nothing(value) else name_text(value, name)


def own_group(row: Fields, layout: Layout) -> str | None:
    """The group in the row, or None."""
    columns = layout.roles.get("group")
    if not columns:
        return None
    if layout.is_marked and as_written(row, layout):
        return text(row.get("group"), "group")
    value = row.get(columns[0])
    if type(value) is str and value and value.isascii() and value not in NOBODY and not value.isspace():
        return value
    field, value = first_of(row, columns)
    return None if _is_nothing(value) else name_text(value, field)


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, str) and (value in NOBODY or value.isspace()))


def about(row: Fields, layout: Layout) -> dict[str, Any]:
    """The metadata fields of `Preference` that the row has.

    Raises:
        RowError: a value cannot be converted.
    """
    found: dict[str, Any] = {}
    for role in layout.told:
        value = _READERS[role](row, layout.roles[role])
        if value is not None:
            found[role] = value
    return found


def is_tie(row: Fields, layout: Layout) -> bool:
    """Whether the row marks its choice as a tie, in a tie or status column."""
    field, value = layout.role(row, "tie")
    if field:
        return flag(value, field)
    status = layout.role(row, "status")[1]
    return isinstance(status, str) and status.strip().lower() == "tie"


def margin_of(row: Fields, layout: Layout) -> float | None:
    """The margin in the row, or the difference of its two scores; None if it has neither."""
    field, value = layout.role(row, "margin")
    if field:
        return number(value, field)
    (better, high), (worse, low) = layout.role(row, "chosen_score"), layout.role(row, "rejected_score")
    return number(high, better) - number(low, worse) if better and worse else None


def _named_text(row: Fields, columns: tuple[str, ...]) -> str | None:
    return optional_text(row, columns)


def _time(row: Fields, columns: tuple[str, ...]) -> str | None:
    name, value = first_of(row, columns)
    return None if _is_nothing(value) or is_ambiguous_date(value) else moment(value, name)


def _reason(row: Fields, columns: tuple[str, ...]) -> str | None:
    """The texts of all reason columns, joined by line breaks."""
    said = dict.fromkeys(filter(None, (optional_text(row, (column,)) for column in columns)))
    return "\n".join(said) or None


def _own_text(row: Fields, columns: tuple[str, ...]) -> str | None:
    """Text of a column of the package's own format; other types, as in other formats, are ignored."""
    value = row.get(columns[0])
    return encodable(value, columns[0]) if isinstance(value, str) and value else None


def _weight(row: Fields, columns: tuple[str, ...]) -> float | None:
    value = row.get(columns[0])
    return None if missing(value) else number(value, columns[0])


def _judges(row: Fields, columns: tuple[str, ...]) -> dict[str, bool] | None:
    value = structured(row.get(columns[0]), columns[0])
    if missing(value):
        return None
    if not isinstance(value, Mapping):
        raise RowError("an object of judge: true or false", field=columns[0], found=describe(value))
    return {
        encodable(str(name), "judges"): flag(verdict, f"judges.{name}")
        for name, verdict in value.items()
        if not missing(verdict)
    }


def _split(row: Fields, columns: tuple[str, ...]) -> Part | None:
    """Context or target, by `SPLITS`; None for other values (such as the user's own folds)."""
    value = row.get(columns[0])
    return SPLITS.get(value) if isinstance(value, str) else None


def _stated(row: Fields, columns: tuple[str, ...]) -> dict[str, str | float] | None:
    value = structured(row.get(columns[0]), columns[0])
    if missing(value):
        return None
    if not isinstance(value, Mapping):
        raise RowError("an object of name: text or number", field=columns[0], found=describe(value))
    return {
        encodable(str(name), "stated"): text(said, f"stated.{name}")
        if isinstance(said, str)
        else number(said, f"stated.{name}")
        for name, said in value.items()
        if not missing(said)
    }


_READERS: Mapping[str, Callable[[Fields, tuple[str, ...]], Any]] = {
    "domain": _named_text,
    "time": _time,
    "demographics": _named_text,
    "reason": _reason,
    "judges": _judges,
    "split": _split,
    "stated": _stated,
    "source": _own_text,
    "ranking": _own_text,
    "weight": _weight,
}
