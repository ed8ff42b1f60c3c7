"""Formats of other tools and published data sets, one module each, discovered automatically. `base` defines them.

known_formats()                      # every Format, those with most required columns first
Unpacker().unpacked(rows)            # rows of known formats converted to generic columns (`layout`)
nearest({"fields", "metadata"})      # "Argilla records, which needs responses as well"
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache

from personalrm.data.fields import Fields
from personalrm.data.files import Row
from personalrm.data.formats.base import CONVERSATION_NAMES, Format
from personalrm.errors import RowError

_KEPT = 500


@cache
def known_formats() -> tuple[Format, ...]:
    """The formats of all modules in this package, those with most required columns first."""
    found: list[Format] = []
    for module in pkgutil.iter_modules(__path__):
        if module.name != "base":
            found += importlib.import_module(f"{__name__}.{module.name}").FORMATS
    return tuple(sorted(found, key=lambda one: (-len(one.needs), one.name)))


class Unpacker:
    """Recognizes the format of rows and converts them; candidate formats are cached by set of columns."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[Format, ...]] = {}

    def format_of(self, row: Fields) -> Format | None:
        """The format of a row, or None for generic columns."""
        names = tuple(row)
        found = self._known.get(names)
        if found is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            found = self._known[names] = tuple(one for one in known_formats() if one.fits(row.keys()))
        for one in found:
            if one.accepts(row):
                return one
        return None

    def unpacked(
        self,
        rows: Iterable[Row],
        empty: Callable[[], None] = lambda: None,
        noted: Callable[[Fields, Format], None] = lambda _, __: None,
    ) -> Iterator[Row]:
        """Convert rows to generic columns; a row that cannot be converted is replaced by a `RowError`.

        Args:
            rows: rows as read from a file.
            empty: called for each row without a choice.
            noted: called with each row of a known format, and the format.
        """
        together: list[Fields] = []
        first, open_key, opened = 0, None, None
        for line, row in rows:
            format_ = None if isinstance(row, RowError) else self.format_of(row)
            if format_ is None and not together:
                yield line, row
                continue
            if format_ is not None:
                noted(row, format_)  # type: ignore[arg-type]
            key = format_.together(row) if format_ and format_.together and not isinstance(row, RowError) else None
            if together and (format_ is not opened or key != open_key):
                yield from _rows(opened, {"rows": together}, first, empty)
                together = []
            if isinstance(row, RowError) or format_ is None:
                yield line, row
            elif format_.together:
                first, open_key, opened = (first if together else line), key, format_
                together.append(row)
            else:
                yield from _rows(format_, row, line, empty)
        if together:
            yield from _rows(opened, {"rows": together}, first, empty)


def _rows(format_: Format | None, row: Fields, line: int, empty: Callable[[], None]) -> Iterator[Row]:
    if format_ is None:
        return
    count = 0
    try:
        for one in format_.rows(row):
            count += 1
            yield line, one
    except RowError as error:
        yield line, error
        return
    if not count:
        empty()


def nearest(columns: Collection[str]) -> str | None:
    """The format that shares at least half of its columns, with the missing ones; None if there is none."""
    best: tuple[float, Format] | None = None
    for one in known_formats():
        shared = set(one.needs) & set(columns)
        share = len(shared) / max(len(one.needs), 1)
        if shared - CONVERSATION_NAMES and share < 1 and (best is None or share > best[0]):
            best = (share, one)
    if best is None or best[0] < 0.5:
        return None
    absent = [name for name in best[1].needs if name not in columns]
    return f"{best[1].name}, which needs {', '.join(absent)} as well"
