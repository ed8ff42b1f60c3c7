"""How large a part of a file may be, so that no file takes all memory or time. What exceeds a limit is skipped and
counted with the limit's number; everything else is read.

    Limits.parse("row=64MB,columns=50000")      # what --limit takes
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from personalrm.errors import DataError

_UNITS = {"": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}


@dataclass(frozen=True, slots=True)
class Limits:
    """Of files of choices.

    Attributes:
        row: bytes of one line, one JSON value of an array, or one CSV cell.
        depth: lists and objects within each other.
        columns: names in a CSV header, or keys of a row.
        waiting: bytes of responses that are held until the others to their prompt are found.
    """

    row: int = 16 << 20
    depth: int = 100
    columns: int = 20_000
    waiting: int = 16 << 20

    @classmethod
    def parse(cls, text: str | None) -> Limits:
        """From NAME=NUMBER pairs with commas between them; a number may end in KB, MB or GB.

        Raises:
            DataError: no such limit, or no whole number from 1 on.
        """
        known = [one.name for one in fields(cls)]
        found = cls()
        for pair in filter(None, (text or "").split(",")):
            name, _, value = (part.strip().lower() for part in pair.partition("="))
            digits = value.rstrip("kmgb")
            factor = _UNITS.get(value[len(digits) :])
            if name not in known or factor is None or not digits.isdecimal() or int(digits[:18]) < 1:
                raise DataError(f"--limit: expected NAME=NUMBER with a name of {', '.join(known)}, found '{pair[:60]}'")
            found = replace(found, **{name: int(digits[:18]) * factor})
        return found

    def exceeded(self, name: str, unit: str) -> str:
        """What a message says of a part that is too large, and how to have it read."""
        return f"at most {getattr(self, name):,} {unit} (--limit {name}=…)"


DEFAULT = Limits()
