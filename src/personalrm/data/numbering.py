"""How the numbers of a file's winner column count, which only the whole file tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from personalrm.data.fields import Fields
from personalrm.data.winners import Coding, coding, numbers_in
from personalrm.errors import RowError


class Numbering:
    """Looks through a file once for each winner column that holds numbers.

    Args:
        again: gives all rows of the file once more.
    """

    def __init__(self, again: Callable[[], Iterable[Fields | RowError]]) -> None:
        self._again = again
        self._known: dict[tuple[str, tuple[str, ...]], Coding | None] = {}

    def of(self, column: str, labels: Sequence[str], count: Callable[[Fields], int]) -> Coding | None:
        """How this column counts; None if the file leaves that open.

        Args:
            column: where the winner stands.
            labels: of the sides; empty for lists.
            count: of the responses in a row.
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
