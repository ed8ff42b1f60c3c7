"""Reads a published data set for curation: users with their choices, and counts of what was left out.

raw = read_raw("prism", sources("prism", "prism/", None), Thresholds())
raw.people, raw.steps, raw.problems.summary(), raw.without_survey
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from personalrm.curation.counting import Count, Step, step
from personalrm.curation.sources import Kind, Sources
from personalrm.curation.thresholds import Thresholds
from personalrm.data.fields import Fields, missing
from personalrm.data.files import rows
from personalrm.data.formats import lmarena as arena
from personalrm.data.formats import prism
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.errors import DataError, NotEnoughChoices, RowError
from personalrm.preferences import History, Preference
from personalrm.profile.merging import in_time
from personalrm.renamed import renamed_arguments

_COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    "prism": ("conversation_id", "user_id", prism.HISTORY),
    "arena": ("judge", "winner", arena.A, arena.B),
}
_NAMES: Mapping[Kind, str] = {"prism": "PRISM's conversations", "arena": "Chatbot Arena's battles"}


@dataclass(frozen=True, slots=True)
class Raw:
    """The data set as read.

    Attributes:
        people: decided choices only, oldest first; users in order of their first row.
        steps: counts as published, and after removing pairs without a choice.
        problems: rows that could not be used.
        without_survey: number of users without a row in the survey (0 if no survey is read).
    """

    people: tuple[History, ...]
    steps: tuple[Step, ...]
    problems: Problems = field(default_factory=Problems)
    without_survey: int = 0


@renamed_arguments(wish="arena_filter")
def read_raw(
    kind: Kind,
    found: Sources,
    thresholds: Thresholds,
    *,
    arena_filter: arena.ArenaFilter | None = None,
    strict: bool = False,
) -> Raw:
    """Return all decided choices of the data set.

    Args:
        arena_filter: which rows of Chatbot Arena to take.
        strict: raise on the first bad row or the first user without a survey row.

    Raises:
        DataError: a file is missing, damaged, or not of this data set.
        RowError: a bad row, if ``strict``.
        NotEnoughChoices: no pair holds a choice.
    """
    problems, tally = Problems(), _Tally(kind, arena_filter)
    survey = None if found.survey is None else prism.read_survey(found.survey, strict=strict, problems=problems)
    choices: dict[str, list[Preference]] = {}
    ties = 0
    for path in found.choices:
        check_columns(kind, path)
        gap = thresholds.min_gap if kind == "prism" else 0.0
        for one in read_choices(
            path, strict=strict, problems=problems, min_gap=gap, take=tally.take, common_scale=False
        ):
            kept = choices.setdefault(one.user, [])
            ties += one.tie
            if not one.tie:
                kept.append(one if survey is None else prism.joined(one, survey))
    absent = _absent(choices, survey, found.survey, strict)
    people = tuple(in_time(user, kept) for user, kept in choices.items() if kept)
    if not people:
        raise NotEnoughChoices(f"{', '.join(found.choices)}: no pair holds a choice (all are ties or too close)")
    left_out = {"ties": ties, f"scores nearer than {thresholds.min_gap:g}": problems.too_close}
    pairs = sum(map(len, people)) + ties + problems.too_close
    first = Step("as published", Count(len(tally.users), tally.rows, pairs), tally.passed_over)
    name = "score gap" if kind == "prism" else "decided"
    return Raw(people, (first, step(name, people, left_out)), problems, absent)


def check_columns(kind: Kind, path: str) -> None:
    """Raise DataError if the first readable row is not of this data set."""
    first = next((row for _, row in rows(path) if not isinstance(row, RowError)), None)
    absent = [] if first is None else [name for name in _COLUMNS[kind] if name not in first]
    if first is not None and absent:
        there = ", ".join(list(map(str, first))[:8])
        raise DataError(
            f"{path}: expected {_NAMES[kind]} (columns {', '.join(_COLUMNS[kind])}), "
            f"found no {', '.join(absent)} among the columns {there}"
        )


class _Tally:
    """Counts every row of the file, and skips rows that are not selected."""

    def __init__(self, kind: Kind, arena_filter: arena.ArenaFilter | None) -> None:
        self._person = "user_id" if kind == "prism" else "judge"
        self._filter = arena_filter if kind == "arena" else None
        self.users: set[str] = set()
        self.rows = 0
        self.passed_over: Counter[str] = Counter()

    def take(self, row: Fields) -> bool:
        if self._filter is not None and not arena.accepts(row, self._filter):
            self.passed_over["not selected"] += 1
            return False
        self.rows += 1
        if not missing(row.get(self._person)):
            self.users.add(str(row[self._person]))
        return True


def _absent(users: Iterable[str], survey: Mapping[str, prism.Person] | None, name: str | None, strict: bool) -> int:
    """The number of users without a row in the survey."""
    absent = [] if survey is None else [user for user in users if user not in survey]
    if absent and strict:
        raise DataError(f"{name}: expected a row for every person of the conversations, found none for '{absent[0]}'")
    return len(absent)
