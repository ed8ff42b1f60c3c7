"""The account of what was skipped while reading: how many rows, why, and the first few in full.

problems = Problems()
choices = list(read_choices("choices.jsonl", problems=problems))
problems.summary()     # "3 of 120 rows skipped: line 4, field 'chosen': expected text, found null; …"
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from personalrm.errors import RowError

KEPT = 20
_SHOWN = 3


@dataclass(slots=True)
class Problems:
    """What a reader skipped. Pass one to a reader and look at it afterwards; it may serve several files.

    Attributes:
        rows: rows looked at, blank lines not counted.
        skipped: rows (or repeated choices) that could not be used.
        reasons: how often each reason occurred, e.g. ``"field 'chosen': expected text"``.
        first: the first 20 problems in full.
        too_close: rated pairs left out because their ratings lie nearer than the minimum gap; these are no faults.
    """

    rows: int = 0
    skipped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: list[RowError] = field(default_factory=list)
    too_close: int = 0

    def add(self, error: RowError) -> None:
        """Count one bad row."""
        self.skipped += 1
        self.reasons[_reason(error)] += 1
        if len(self.first) < KEPT:
            self.first.append(error)

    def summary(self) -> str:
        """One sentence on what was skipped and why; empty if nothing was."""
        if not self.skipped:
            return ""
        shown = "; ".join(short(error) for error in self.first[:_SHOWN])
        more = "; …" if self.skipped > _SHOWN else ""
        rows = "row" if self.rows == 1 else "rows"
        return f"{self.skipped:,} of {self.rows:,} {rows} skipped: {shown}{more}"


def _reason(error: RowError) -> str:
    return f"field '{error.field}': expected {error.expected}" if error.field else f"expected {error.expected}"


def short(error: RowError) -> str:
    """The problem without its file: "line 4, field 'chosen': expected text, found null"."""
    line = f"line {error.line}, " if error.line is not None else ""
    found = f", found {error.found}" if error.found is not None else ""
    return f"{line}{_reason(error)}{found}"
