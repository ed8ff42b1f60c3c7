"""Determine the coding of numbers in a winner column, which needs the whole file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from personalrm.data.fields import Fields
from personalrm.data.winners import Coding, coding, numbers_in
from personalrm.errors import RowError


class Numbering:
    """Codings of the winner columns of a file; reads the file once for each winner column with numbers.

    Args:
        again: returns all rows of the file again.
    """

    def __init__(self, again: Callable[[], Iterable[Fields | RowError]]) -> None:
        self._again = again
        self._known: dict[tuple[str, tuple[str, ...]], Coding | None] = {}

    def of(self, column: str, labels: Sequence[str], count: Callable[[Fields], int]) -> Coding | None:
        """The coding of this column's numbers; None if it is ambiguous.

        Args:
            column: the winner column.
            labels: side labels; empty for lists.
            count: returns the number of responses in a row.
        """
        key = (column, tuple(labels))
        if key not in self._known:
            most = len(labels)

            def values() -> Iterable[tuple[object, int]]:
                nonlocal most
                for row in self._again():
                    if not isinstance(row, RowError) and column in row:
                        here = count(row)
                        most = max(most, here)
                        yield row[column], here

            seen, reaches = numbers_in(values())
            self._known[key] = coding(column, labels, most, seen, reaches)
        return self._known[key]
