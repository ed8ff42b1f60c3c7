"""Record the columns with text that are not read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from personalrm.data.fields import Fields
from personalrm.data.problems import Problems

_KEPT = 500
_DEEPEST = 6
_FIRST = 400


class UnreadColumns:
    """Adds unread columns with text to `Problems.unread`, each once."""

    def __init__(self, problems: Problems) -> None:
        self._noted = problems.unread
        self._left: dict[tuple[str, ...], list[str]] = {}

    def note(self, row: Fields, unread: Iterable[str]) -> None:
        """Check the unread columns of a row; ``unread`` must depend only on the row's columns."""
        names = tuple(row)
        left = self._left.get(names)
        if left is None:
            if len(self._left) >= _KEPT:
                self._left.clear()
            left = self._left[names] = [name for name in unread if name not in self._noted]
        if left:
            told = [name for name in left if holds_text(row[name])]
            for name in told:
                self._noted[name] = None
                left.remove(name)

    def outside(self, row: Fields, read: Collection[str]) -> None:
        """`note` for all columns except those in ``read``."""
        self.note(row, [name for name in row if name not in read])


def holds_text(value: Any, depth: int = 0) -> bool:
    """Whether a value contains text of several words, rather than a name, a number or a date."""
    if isinstance(value, str):
        start = value[:_FIRST].strip()
        letters = sum(map(str.isalpha, start))
        return 3 * letters >= len(start) > 0 and (
            len(start.split(None, 1)) > 1 or (not start.isascii() and letters > 7)
        )
    if depth < _DEEPEST and isinstance(value, list | tuple):
        return any(holds_text(one, depth + 1) for one in value[:5])
    if depth < _DEEPEST and isinstance(value, Mapping):
        return any(holds_text(one, depth + 1) for one in list(value.values())[:20])
    return False
