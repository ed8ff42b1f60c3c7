"""Files of many people's choices, as commands read them: small files are held, large ones are read anew each time.

people = source("choices.jsonl", ReadOptions(strict=False, min_gap=0.0, warn=print))
for history in people(): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from personalrm.data.files import name_of
from personalrm.data.problems import Problems
from personalrm.data.reading import is_large, read_people
from personalrm.preferences import History

Source = Callable[[], Iterable[History]]
"""Gives all people each time it is called."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files of choices are read: as in `personalrm.data.reading.read_people`; ``warn`` is told what was skipped."""

    strict: bool
    min_gap: float
    warn: Callable[[str], None]


def source(path: str, reading: ReadOptions) -> Source:
    """Everybody in a file: held if the file is small, else read anew each time. What is skipped is told once."""
    problems = Problems()
    people = read_people(path, strict=reading.strict, problems=problems, min_gap=reading.min_gap)
    if not is_large(path):
        held = tuple(people)
        _tell(path, problems, reading)
        return lambda: held
    for _ in people:
        pass
    _tell(path, problems, reading)
    return lambda: read_people(path, strict=reading.strict, min_gap=reading.min_gap)


def _tell(path: str, problems: Problems, reading: ReadOptions) -> None:
    if problems.summary():
        reading.warn(f"{name_of(path)}: {problems.summary()}")
    if problems.too_close:
        reading.warn(
            f"{name_of(path)}: {problems.too_close:,} rated pairs left out: scores differ by less than "
            f"{reading.min_gap:g}."
        )
