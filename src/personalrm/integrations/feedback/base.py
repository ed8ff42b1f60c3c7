"""What an adapter has to say: pages of feedback of one host, as rows that the readers of choices take.

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
    """The time that is pulled, both ends ISO 8601 in UTC; ``since`` is None for everything."""

    since: str | None
    until: str

    @property
    def begin(self) -> str | None:
        """``since`` with a Z, as some hosts want it."""
        return None if self.since is None else self.since.replace("+00:00", "Z")

    @property
    def end(self) -> str:
        """``until`` with a Z."""
        return self.until.replace("+00:00", "Z")

    def holds(self, time: str | None) -> bool:
        """Whether feedback of this time is wanted; without a time it is."""
        return time is None or ((self.since is None or time >= self.since) and time < self.until)


@dataclass(frozen=True, slots=True)
class Item:
    """One judgement of one user.

    Attributes:
        user: who judged; None if the host does not say.
        id: of the judgement at its host; unique for a user there.
        time: of its last change, ISO 8601 in UTC; None if unknown.
        row: it in the columns that `personalrm.data` reads, with ``user``, ``id`` and ``time``.
    """

    user: str | None
    id: str
    time: str | None
    row: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """What one request gave.

    Attributes:
        items: judgements.
        skipped: what cannot be read, each with the host's id and why.
        next: where the next page begins; None after the last.
    """

    items: tuple[Item, ...]
    skipped: tuple[str, ...] = ()
    next: str | None = None


class FeedbackHost(Protocol):
    """One kind of host."""

    def pages(self, api: Api, window: Window, cursor: str | None) -> AsyncIterator[Page]:
        """Pages of the window from a cursor on that an earlier page gave; None begins with the first.

        Raises:
            EndpointError: the host refuses, is dead, or answers in another form than it documents.
        """
        ...


Build = Callable[[], Iterable[Item]]


def collected(named: Iterable[tuple[str, Build]]) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """The items of some judgements, and for each that cannot be read its id and why."""
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
    """A row in the columns of a host's export, read by the reader of that format, as items of that time.

    Raises:
        RowError: the reader cannot make a choice of it.
    """
    format_ = _unpacker().format_of(row)
    if format_ is None:
        raise RowError("the columns of a known export", field="", found=", ".join(row)[:200])
    when, made = moment(time, field_), []
    for one in format_.rows(row):
        user = None if missing(one.get("user")) else str(one["user"])
        whose = str(one["id"])
        made.append(Item(user, whose, when, {**_told(one), "user": user, "id": whose, "time": when}))
    return made


def objects(found: Any, *path: str) -> list[Mapping[str, Any]]:
    """The list of objects at a path of an answer. UnusableResponse if the answer is of another form."""
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        where = f" in '{'.'.join(path)}'" if path else ""
        raise UnusableResponse(f"the host answers in another form: expected a list of objects{where}")
    return found


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


@cache
def _unpacker() -> Unpacker:
    return Unpacker()
