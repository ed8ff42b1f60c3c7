"""Counts of rows skipped while reading, with reasons and the first errors in full.

problems = Problems()
choices = list(read_choices("choices.jsonl", problems=problems))
problems.summary()     # "3 of 120 rows skipped: line 4, field 'chosen': expected text, found null; …"
problems.remarks()     # the summary and further remarks: columns that were not read, unpaired thumbs, …
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from personalrm.errors import RowError, printable

KEPT = 20
_SHOWN = 3
_NAMED = 8


@dataclass(slots=True)
class Problems:
    """Problems found by a reader. Pass an instance to a reader and inspect it afterwards; several files may share it.

    Attributes:
        rows: number of rows read, without blank lines.
        skipped: number of rows (or repeated choices) that could not be used.
        reasons: count of each reason, e.g. ``"field 'chosen': expected text"``.
        first: the first 20 errors in full.
        too_close: number of rated pairs left out because their scores differ by less than the minimum gap.
        thumbs: number of responses with a thumb or a rating and no other response to compare with.
        rated: number of these with a rating, read as a thumb by the user's mean rating.
        undecided: number of unpaired ratings at the user's mean rating, which are left out.
        empty: number of rows of a known format without a choice (such as a chat without ratings).
        unread: columns with text that have no role.
        undated: columns with ambiguous dates (day and month), which were not read.
        refused: reason for each of several files that could not be used at all.
    """

    rows: int = 0
    skipped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: list[RowError] = field(default_factory=list)
    too_close: int = 0
    thumbs: int = 0
    rated: int = 0
    undecided: int = 0
    empty: int = 0
    unread: dict[str, None] = field(default_factory=dict)
    undated: dict[str, None] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def add(self, error: RowError) -> None:
        """Count one bad row, and keep the first ones."""
        self.count(error)
        if len(self.first) < KEPT:
            self.first.append(error)

    def count(self, error: RowError) -> None:
        """Count one bad row without keeping its error."""
        self.skipped += 1
        self.reasons[_reason(error)] += 1

    def summary(self) -> str:
        """One sentence with the number of skipped rows and the first reasons; empty if none was skipped."""
        if not self.skipped:
            return ""
        several = len({error.path for error in self.first}) > 1
        shown = "; ".join(short(error, several) for error in self.first[:_SHOWN])
        more = "; …" if self.skipped > _SHOWN else ""
        return f"{self.skipped:,} of {_counted(self.rows, 'row')} skipped: {shown}{more}"

    def remarks(self, min_gap: float = 0.0) -> list[str]:
        """Sentences about everything that was not read or not used."""
        found = [*self.refused, self.summary()]
        if self.too_close:
            pairs = _counted(self.too_close, "rated pair")
            found.append(f"{pairs} left out: the scores differ by less than --min-gap {min_gap:g}.")
        if self.thumbs > self.rated:
            thumbs = _counted(self.thumbs - self.rated, "response")
            found.append(f"{thumbs} with a thumb and nothing to compare with: no pair.")
        if self.rated:
            rated = _counted(self.rated, "response")
            found.append(
                f"{rated} with a rating and nothing to compare with: no pair; each counts as a thumb up if it is above "
                "the person's mean rating (shrunken towards everyone's), down if below."
            )
        if self.undecided:
            near = f" or nearer to it than --min-gap {min_gap:g}" if min_gap else ""
            rated = _counted(self.undecided, "single rating")
            found.append(f"{rated} left out: at the person's mean rating{near}.")
        if self.empty:
            found.append(f"{_counted(self.empty, 'row')} without a choice.")
        if self.unread:
            names = printable(", ".join(name[:60] for name in list(self.unread)[:_NAMED]))
            more = f" and {len(self.unread) - _NAMED} more" if len(self.unread) > _NAMED else ""
            found.append(f"Columns with text that were not read: {names}{more} (--columns gives them a role).")
        if self.undated:
            names = printable(", ".join(name[:60] for name in list(self.undated)[:_NAMED]))
            found.append(f"Ambiguous dates such as 1/2/2016 in {names} were not read: the order of the file is used.")
        return [one for one in found if one]


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _reason(error: RowError) -> str:
    return f"field '{error.field}': expected {error.expected}" if error.field else f"expected {error.expected}"


def short(error: RowError, with_file: bool = False) -> str:
    """The error without its path, such as "line 4, field 'chosen': expected text, found null"."""
    file = f"{Path(error.path).name}, " if with_file and error.path is not None else ""
    line = f"line {error.line}, " if error.line is not None else ""
    found = f", found {error.found}" if error.found is not None else ""
    return f"{file}{line}{_reason(error)}{found}"
