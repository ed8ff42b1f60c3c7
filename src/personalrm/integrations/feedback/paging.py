"""Read paged lists completely even if rows are deleted at the host meanwhile.

    async for rows, cursor in walk(ByOffset(ask, 100), None): …

A deleted row shifts the rows after it, so that the first row of the next page would be skipped. Each page is therefore
requested together with the row before it (the anchor). If the anchor is not a row that was already read, the walk goes
back one page and drops the rows that were read before. The cursor contains the anchor's id, so this also works for a
resumed pull.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from personalrm.errors import UnusableResponse

Row = Mapping[str, Any]
Whole = Callable[[Sequence[Row]], Sequence[Row]]
FIRST = -1
"""The position before the first row."""
SPARE_READS = 10
"""Maximum pages without a new row, in addition to those needed to go back over all pages."""


@dataclass(frozen=True, slots=True)
class PageRead:
    """One page of a list.

    Attributes:
        anchor: the row at the requested position; None if there is none.
        after: the rows after it.
        more: whether there may be further rows.
    """

    anchor: Row | None
    after: Sequence[Row]
    more: bool


class PagedList(Protocol):
    """A list that is read in pages of ``size`` rows."""

    size: int

    async def read(self, place: int) -> PageRead:
        """The row at a position, counted from 0, and the page after it."""
        ...


class ByOffset:
    """A list with offset and limit.

    Args:
        ask: called with offset and limit; returns the rows.
        size: rows per page.
    """

    def __init__(self, ask: Callable[[int, int], Awaitable[list[Row]]], size: int) -> None:
        self._ask, self.size = ask, size

    async def read(self, place: int) -> PageRead:
        """One request."""
        rows = await self._ask(max(place, 0), self.size)
        more = len(rows) == self.size
        return PageRead(None, rows, more) if place == FIRST else PageRead(rows[0] if rows else None, rows[1:], more)


class ByNumber:
    """A list with numbered pages.

    Args:
        ask: called with the page number (from 1) and the page size; returns the rows and the total number of rows, or
            None if the host does not report it.
        size: rows per page; reduced if the host returns fewer.
    """

    def __init__(self, ask: Callable[[int, int], Awaitable[tuple[list[Row], int | None]]], size: int) -> None:
        self._ask, self.size = ask, size

    async def read(self, place: int) -> PageRead:
        """Two requests: the page, then the row before it, so that the anchor is checked after the page was read."""
        rows, total = await self._ask((place + 1) // self.size + 1, self.size)
        if place == FIRST:
            if rows and total is not None and len(rows) < min(self.size, total):
                self.size = len(rows)
            return PageRead(None, rows, self._has_more(place, rows, total))
        before, _ = await self._ask(place + 1, 1)
        return PageRead(before[0] if before else None, rows, self._has_more(place, rows, total))

    def _has_more(self, place: int, rows: Sequence[Row], total: int | None) -> bool:
        return len(rows) == self.size and (total is None or place + 1 + len(rows) < total)


async def walk(
    pages: PagedList, cursor: str | None, whole: Whole = lambda rows: rows
) -> AsyncIterator[tuple[list[Row], str | None]]:
    """The rows of a list, page by page, each page with the cursor of the next; None after the last.

    Args:
        pages: the list.
        cursor: a cursor yielded before; None or an invalid cursor begins with the first row.
        whole: drops rows at the end that must be read together with the next page; it may drop all of them.

    Raises:
        UnusableResponse: the host returns the same rows for every page.
    """
    place, seen, held, idle = FIRST, set[str](), list[Row](), 0
    parts = (cursor or "").split("/", 2)
    if len(parts) == 3 and parts[0].isdecimal() and parts[1].isdecimal() and int(parts[1]):
        place, pages.size = int(parts[0]), int(parts[1])
        seen.add(parts[2])
    while True:
        if idle > SPARE_READS + 2 * len(seen) // pages.size:
            raise UnusableResponse(f"the host repeats rows: expected those after the first {place + 1:,}")
        part = await pages.read(place + len(held))
        if place + len(held) != FIRST and not _is_known(part.anchor, held[-1:], seen):
            place, held, idle = place if held else max(FIRST, place - pages.size), [], idle + 1
            continue
        rows = [*held, *part.after]
        used = whole(rows) if part.more else rows
        if part.more and not used:
            held = rows
            continue
        held = []
        fresh = [row for row in used if _id(row) not in seen]
        idle = 0 if fresh else idle + 1
        seen.update(map(_id, used))
        place += len(used)
        following = f"{place}/{pages.size}/{_id(used[-1])}" if part.more and used else None
        yield fresh, following
        if following is None:
            return


async def walk_all(
    names: Sequence[str], pages_of: Callable[[str], PagedList], cursor: str | None, key: Callable[[str], Any] = str
) -> AsyncIterator[tuple[list[Row], str | None]]:
    """`walk` over several lists in order.

    Args:
        names: names of the lists without colons, sorted by ``key``.
        pages_of: the list of a name.
        cursor: a cursor yielded before, or None.
        key: sort key of the names.
    """
    begun, _, inside = (cursor or "").partition(":")
    left = [one for one in names if not begun or key(one) >= key(begun)]
    for at, name in enumerate(left):
        after = f"{left[at + 1]}:" if at + 1 < len(left) else None
        async for rows, following in walk(pages_of(name), inside if name == begun else None):
            yield rows, after if following is None else f"{name}:{following}"


def next_cursor(found: Any, given: set[str]) -> str | None:
    """The cursor of the next page in a response's ``meta``; None after the last page.

    Args:
        found: the response.
        given: cursors returned before; this one is added.

    Raises:
        UnusableResponse: the cursor was returned before, so the pages would never end.
    """
    meta = found.get("meta") if isinstance(found, Mapping) else None
    cursor = meta.get("cursor") if isinstance(meta, Mapping) else None
    if not cursor:
        return None
    if str(cursor) in given:
        raise UnusableResponse("the host returned the cursor of a page that was already read")
    given.add(str(cursor))
    return str(cursor)


def _is_known(anchor: Row | None, last: Sequence[Row], seen: set[str]) -> bool:
    """Whether the anchor of a page was read before: the last held row if rows are held, else any row already seen."""
    return anchor is not None and (_id(anchor) in map(_id, last) if last else _id(anchor) in seen)


def _id(row: Row) -> str:
    return str(row.get("id"))
