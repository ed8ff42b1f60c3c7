"""Files with choices of many users for commands: small files are kept in memory, large ones parsed on disk.

people = source("choices.jsonl", ReadOptions(strict=False, min_gap=0.0, warn=print))
for history in people(): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from personalrm.data.files import name_of
from personalrm.data.inputs import Given
from personalrm.data.kept import KeptPeople
from personalrm.data.limits import DEFAULT, Limits
from personalrm.data.mapping import Columns
from personalrm.data.problems import Problems
from personalrm.data.reading import ColumnsGiven, is_large, read_people
from personalrm.preferences import History

Source = Callable[[], Iterable[History]]
"""Returns the histories of all users at each call."""


def silent(remark: str) -> None:
    """Ignore a remark; a function of the module, so that options with it can be pickled."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Arguments of `personalrm.data.reading.read_people`; ``warn`` is called with each remark on skipped rows."""

    strict: bool = False
    min_gap: float = 0.0
    warn: Callable[[str], None] = silent
    columns: ColumnsGiven = None
    limits: Limits = DEFAULT

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the functions in `personalrm.data.reading`; equal for equal settings."""
        columns = Columns.parse(self.columns)
        return {"strict": self.strict, "min_gap": self.min_gap, "columns": columns, "limits": self.limits}


def source(path: Given, reading: ReadOptions) -> Source:
    """The histories of all users in a file, in memory if the file is small, else one at a time; warns only once."""
    problems = Problems()
    accounts = iter([problems])  # for the first pass only
    people = KeptPeople(lambda: read_people(path, problems=next(accounts, None), **reading.arguments))
    if not is_large(path, reading.limits):
        held = tuple(read_people(path, problems=problems, **reading.arguments))
        _tell(path, problems, reading)
        return lambda: held
    for _ in people():
        pass
    _tell(path, problems, reading)
    return people


def _tell(path: Given, problems: Problems, reading: ReadOptions) -> None:
    name = name_of(path)
    for remark in problems.remarks(reading.min_gap):
        reading.warn(f"{name}: {remark}")
