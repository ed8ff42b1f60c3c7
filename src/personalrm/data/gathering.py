"""Collect rows with one response each into one row for each prompt.

    user,prompt,response,score
    ada,Hi,Hello!,90
    ada,Hi,?,20              → {"user": "ada", "prompt": "Hi", "responses": [{"content": "Hello!", "score": 90}, …]}

The rows of a prompt need not be adjacent. Responses are buffered until the end of the file, or until more than
`Limits.waiting` bytes are buffered; then the oldest prompts are returned, and a later row of such a prompt is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from personalrm.data.about import user_of
from personalrm.data.column_roles import Layouts
from personalrm.data.fields import Fields, number, without
from personalrm.data.files import Row
from personalrm.data.layout import CONVERSATION, Layout
from personalrm.data.limits import Limits
from personalrm.data.ratings import THUMBS, response_text, thumb
from personalrm.data.seen import Seen
from personalrm.errors import RowError

_OWN = ("response", "score", "rank", "liked", "model")
"""Roles of the columns of one response, which become items of the list of responses."""
_ROW = 200
"""Memory of a buffered row in bytes, without its texts."""
Key = tuple[str, str]
Laid = tuple[int, Fields | RowError, Layout | None]
"""Line number, row, and the layout of its columns (None for a row that cannot be read)."""


@dataclass(slots=True)
class _Group:
    """The responses to a prompt found so far."""

    line: int
    row: dict[str, Any]
    bytes: int
    responses: list[dict[str, Any]] = field(default_factory=list)


class Gatherer:
    """Buffers responses until all responses to their prompt are found."""

    def __init__(self, layouts: Layouts, limits: Limits) -> None:
        self._layouts, self._limits = layouts, limits
        self._of_gathered = Layouts(layouts.given.replaced(_OWN, responses="responses"))
        self._open: dict[Key, _Group] = {}
        self._closed = Seen()
        self._bytes = 0

    def gathered(self, rows: Iterable[Row]) -> Iterator[Laid]:
        """Yield rows with their layouts; rows of kind "one" are merged into one row for each prompt."""
        layout_of = self._layouts.of
        for line, row in rows:
            if isinstance(row, RowError):
                yield line, row, None
                continue
            try:
                layout = layout_of(row)
                if layout.kind != "one":
                    yield line, row, layout
                    continue
                self._add(line, row, layout)
            except RowError as error:
                yield line, error, None
            while self._bytes > self._limits.waiting and self._open:
                yield self._given_out(next(iter(self._open)))
        for key in list(self._open):
            yield self._given_out(key)

    def _add(self, line: int, row: Fields, layout: Layout) -> None:
        one = _one(row, layout)
        key = _key(row, layout)
        group = self._open.get(key)
        if group is None:
            if self._closed.add(key) is not None:
                raise RowError(
                    "the rows of one prompt together",
                    found="rows of an earlier prompt; sort the file by user and prompt, or raise --limit waiting=…",
                )
            group = self._open[key] = _Group(line, _kept(row, layout), 0)
        size = _ROW + 2 * len(one["content"]) + (0 if group.responses else 2 * len(key[1]))
        group.responses.append(one)
        group.bytes += size
        self._bytes += size

    def _given_out(self, key: Key) -> Laid:
        group = self._open.pop(key)
        self._bytes -= group.bytes
        row = {**group.row, "responses": group.responses}
        return group.line, row, self._of_gathered.of(row)


def _kept(row: Fields, layout: Layout) -> dict[str, Any]:
    """The row without its response and the response's judgement."""
    own = [column for role in _OWN for column in layout.roles.get(role, ())]
    return without(row, *own)


def _key(row: Fields, layout: Layout) -> Key:
    said = [repr(row.get(column)) for role in CONVERSATION for column in layout.roles.get(role, ())]
    return user_of(row, layout), "\0".join(said)


def _one(row: Fields, layout: Layout) -> dict[str, Any]:
    """The response and its judgement, validated here, so that an error is reported with its line."""
    column = layout.roles["response"][0]
    found: dict[str, Any] = {"content": response_text(row.get(column), column)}
    name, value = layout.role(row, "score")
    if name and not (isinstance(value, str) and value.strip().lower() in THUMBS) and not isinstance(value, bool):
        found["score"] = number(value, name)
    elif name:
        found["liked"] = thumb(value, name)
    name, value = layout.role(row, "rank")
    if name:
        found["rank"] = number(value, name)
    name, value = layout.role(row, "liked")
    if name:
        found["liked"] = thumb(value, name)
    return found
