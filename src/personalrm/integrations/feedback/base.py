"""The protocol of a feedback adapter: it yields pages of one host's feedback as rows that `personalrm.data` reads.

class Mine:
    async def pages(self, api, window, cursor):
        found = await api.get("/feedback", {"since": window.since, "page": cursor or 1})
        yield Page(tuple(Item(...)), str(int(cursor or 1) + 1))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from personalrm.data.fields import missing, moment
from personalrm.data.formats import Unpacker
from personalrm.errors import RowError, UnusableResponse
from personalrm.integrations.feedback.api import Api


@dataclass(frozen=True, slots=True)
class Window:
    """The pulled time interval [since, until), both ISO 8601 in UTC; ``since`` is None for no lower bound."""

    since: str | None
    until: str

    @property
    def begin(self) -> str | None:
        """``since`` with the suffix Z, as some hosts require."""
        return None if self.since is None else self.since.replace("+00:00", "Z")

    @property
    def end(self) -> str:
        """``until`` with the suffix Z."""
        return self.until.replace("+00:00", "Z")

    def holds(self, time: str | None) -> bool:
        """Whether a time lies in the window; feedback without a time always does."""
        return time is None or ((self.since is None or time >= self.since) and time < self.until)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of feedback of one user.

    Attributes:
        user: who gave it; None if the host does not report it.
        id: its id at the host, unique per user.
        time: time of the last change, ISO 8601 in UTC; None if unknown.
        row: its content in the columns that `personalrm.data` reads, with ``user``, ``id`` and ``time``.
    """

    user: str | None
    id: str
    time: str | None
    row: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of feedback.

    Attributes:
        items: the feedback that could be read.
        skipped: messages about feedback that cannot be read, each with the host's id and the reason.
        next: cursor of the next page; None after the last.
    """

    items: tuple[Item, ...]
    skipped: tuple[str, ...] = ()
    next: str | None = None


class FeedbackHost(Protocol):
    """Adapter of one kind of host."""

    def pages(self, api: Api, window: Window, cursor: str | None) -> AsyncIterator[Page]:
        """Pages of the window, beginning at a cursor (`Page.next` of an earlier page); None begins with the first page.

        Raises:
            EndpointError: the host refuses, cannot be reached, or its response does not have the documented form.
        """
        ...


Build = Callable[[], Iterable[Item]]


def collected(named: Iterable[tuple[str, Build]]) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Items from named builders, and a message with the name and the reason for each builder that raises `RowError`."""
    items: list[Item] = []
    skipped: list[str] = []
    for name, build in named:
        try:
            items += build()
        except RowError as error:
            found = f", found {error.found}" if error.found else ""
            skipped.append(f"{name}: field '{error.field}': expected {error.expected}{found}")
    return tuple(items), tuple(skipped)


def items_of(row: Mapping[str, Any], time: Any, field_: str = "time") -> list[Item]:
    """Items from a row of a host's export, converted by the reader of that export format.

    Args:
        row: a row in the columns of the host's export.
        time: time of the items.
        field_: name of the time's field, for messages.

    Raises:
        RowError: the row has the columns of no known export, a bad value, or a bad time.
    """
    format_ = _unpacker().format_of(row)
    if format_ is None:
        raise RowError("the columns of a known export", field="", found=", ".join(row)[:200])
    when, made = moment(time, field_), []
    for one in format_.rows(row):
        user = None if missing(one.get("user")) else str(one["user"])
        whose = str(one["id"])
        made.append(Item(user, whose, when, {**_without_nulls(one), "user": user, "id": whose, "time": when}))
    return made


def objects(found: Any, *path: str) -> list[Mapping[str, Any]]:
    """The list of objects at a path of a response. UnusableResponse if there is no such list."""
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        where = f" in '{'.'.join(path)}'" if path else ""
        raise UnusableResponse(f"the host's response has an unexpected form: expected a list of objects{where}")
    return found


def _without_nulls(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


@cache
def _unpacker() -> Unpacker:
    return Unpacker()
