"""Size limits for reading files, which bound memory and time.

    Limits.parse("row=64MB,columns=50000")      # the value of --limit

Rows that exceed a limit are skipped and counted; all other rows are read.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from personalrm.errors import DataError

_UNITS = {"": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}


@dataclass(frozen=True, slots=True)
class Limits:
    """Maximum sizes in a file of choices.

    Attributes:
        row: bytes of a line, of a JSON value in an array, or of a CSV cell.
        depth: nesting depth of JSON lists and objects.
        columns: number of names in a CSV header, or of keys in a row.
        waiting: bytes of responses buffered until the other responses to their prompt are found.
    """

    row: int = 16 << 20
    depth: int = 100
    columns: int = 20_000
    waiting: int = 16 << 20

    @classmethod
    def parse(cls, text: str | None) -> Limits:
        """Parse comma-separated NAME=NUMBER pairs; a number may have the suffix KB, MB or GB.

        Raises:
            DataError: an unknown limit, or a value that is not a whole number of at least 1.
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
        """Part of an error message: the limit, and the option that changes it."""
        return f"at most {getattr(self, name):,} {unit} (--limit {name}=…)"


DEFAULT = Limits()
