"""Lists that a host gives in pages, read without a gap while rows are deleted at the host.

    async for rows, cursor in walk(ByOffset(ask, 100), None): …

A deleted row shifts the rows behind it: the first row of the next page would be skipped. So each page is asked for
together with the last row before it. If that is not the row which was read there, the walk goes back a page, and rows
that were read already are left out. The cursor names that row, so that this holds for a pull that is resumed as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from personalrm.errors import UnusableResponse

Row = Mapping[str, Any]
Whole = Callable[[Sequence[Row]], Sequence[Row]]
FIRST = -1
"""The place before the first row."""
SPARE_READS = 10
"""Pages without a new row that are read beyond those that going back over all pages takes."""


@dataclass(frozen=True, slots=True)
class PageRead:
    """A part of a list.

    Attributes:
        anchor: the row at the place that was asked for; None if there is none.
        after: the rows behind it.
        more: whether there may be further ones.
    """

    anchor: Row | None
    after: Sequence[Row]
    more: bool


class PagedList(Protocol):
    """A list in pages of ``size`` rows."""

    size: int

    async def read(self, place: int) -> PageRead:
        """The row at a place, counted from 0, and the page behind it."""
        ...


class ByOffset:
    """Pages from any place on.

    Args:
        ask: gives at most so many rows (second argument) from a place on (first).
        size: rows of a page.
    """

    def __init__(self, ask: Callable[[int, int], Awaitable[list[Row]]], size: int) -> None:
        self._ask, self.size = ask, size

    async def read(self, place: int) -> PageRead:
        """One request."""
        rows = await self._ask(max(place, 0), self.size)
        more = len(rows) == self.size
        return PageRead(None, rows, more) if place == FIRST else PageRead(rows[0] if rows else None, rows[1:], more)


class ByNumber:
    """Numbered pages.

    Args:
        ask: gives the rows of a page (first argument, from 1 on) of a size (second), and how many there are in all if
            the host says so.
        size: rows of a page; fewer where the host gives fewer.
    """

    def __init__(self, ask: Callable[[int, int], Awaitable[tuple[list[Row], int | None]]], size: int) -> None:
        self._ask, self.size = ask, size

    async def read(self, place: int) -> PageRead:
        """A request, and after it one for the row before, which thus stood there when the page was read."""
        rows, total = await self._ask((place + 1) // self.size + 1, self.size)
        if place == FIRST:
            if rows and total is not None and len(rows) < min(self.size, total):
                self.size = len(rows)
            return PageRead(None, rows, self._goes_on(place, rows, total))
        before, _ = await self._ask(place + 1, 1)
        return PageRead(before[0] if before else None, rows, self._goes_on(place, rows, total))

    def _goes_on(self, place: int, rows: Sequence[Row], total: int | None) -> bool:
        return len(rows) == self.size and (total is None or place + 1 + len(rows) < total)


async def walk(
    pages: PagedList, cursor: str | None, whole: Whole = lambda rows: rows
) -> AsyncIterator[tuple[list[Row], str | None]]:
    """The rows of a list, page by page, each with the cursor of the next page; None after the last.

    Args:
        pages: the list.
        cursor: one that was given before; None, or one that is no cursor, begins with the first row.
        whole: leaves out rows at the end that are to be read together with the next page; all of them if need be.

    Raises:
        UnusableResponse: the host gives the same rows whatever page is asked for.
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
    """`walk` through several lists in order; a name holds no colon.

    Args:
        names: of the lists, sorted by ``key``.
        pages_of: a list by its name.
        cursor: as for `walk`.
        key: what names are sorted by.
    """
    begun, _, inside = (cursor or "").partition(":")
    left = [one for one in names if not begun or key(one) >= key(begun)]
    for at, name in enumerate(left):
        after = f"{left[at + 1]}:" if at + 1 < len(left) else None
        async for rows, following in walk(pages_of(name), inside if name == begun else None):
            yield rows, after if following is None else f"{name}:{following}"


def next_cursor(found: Any, given: set[str]) -> str | None:
    """The cursor of the next page in an answer's ``meta``; None after the last page.

    Args:
        found: the answer.
        given: cursors that were given before; this one is added.

    Raises:
        UnusableResponse: it was given before, so that the pages would never end.
    """
    meta = found.get("meta") if isinstance(found, Mapping) else None
    cursor = meta.get("cursor") if isinstance(meta, Mapping) else None
    if not cursor:
        return None
    if str(cursor) in given:
        raise UnusableResponse("the host gives the cursor of a page that was read already")
    given.add(str(cursor))
    return str(cursor)


def _is_known(anchor: Row | None, last: Sequence[Row], seen: set[str]) -> bool:
    """Whether the row before a page is the one that was read there: the last that is held, else one that was used."""
    return anchor is not None and (_id(anchor) in map(_id, last) if last else _id(anchor) in seen)


def _id(row: Row) -> str:
    return str(row.get("id"))
