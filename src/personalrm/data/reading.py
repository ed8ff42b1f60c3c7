"""Public functions for reading: a stream of choices, one user's history, or the histories of all users.

    history = read_history("choices.jsonl", user="ada")
    problems = Problems()
    for choice in read_choices(["monday.csv", "tuesday.csv"], problems=problems): ...
    for history in read_people("prism.jsonl.gz"): ...
    read_history(dataframe, columns={"prompt": "Question", "chosen": "Better", "rejected": "Worse"})

Possible inputs are in `inputs`, kinds of file in `files`, roles of columns in `layout`, formats of other tools in
`formats`. Everything streams: at any time one row is held, and a few bytes a choice to notice repeated ids (see
`seen`). Rows that cannot be used are skipped and counted in `Problems`; with ``strict`` the first one raises.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from personalrm.data.fields import Fields
from personalrm.data.identity import Register
from personalrm.data.inputs import Given, Input, inputs_of
from personalrm.data.layout import ColumnsError
from personalrm.data.limits import DEFAULT, Limits
from personalrm.data.mapping import Columns
from personalrm.data.problems import Problems, short
from personalrm.data.rows_to_choices import Pass, ReadingSettings, columns_way, wrong_columns
from personalrm.errors import DataError, RowError, SeveralPeople
from personalrm.preferences import ME, History, Preference, Thumb
from personalrm.profile.merging import in_time

_NAMED = 5
ColumnsGiven = str | Mapping[str, str] | Columns | None


def read_choices(
    path: Given,
    *,
    user: str | None = None,
    strict: bool = False,
    problems: Problems | None = None,
    min_gap: float = 0.0,
    take: Callable[[Fields], bool] | None = None,
    labels: bool = True,
    columns: ColumnsGiven = None,
    limits: Limits = DEFAULT,
    common_scale: bool = True,
) -> Iterator[Preference]:
    """Yield choices in file order. Unpaired thumbs are only counted; `read_history` returns them.

    Args:
        path: a file, several files, a folder, a pattern, ``-`` for stdin, ``hub:owner/name[/config][:split]``, rows, or
            a table of pandas, polars, pyarrow or `datasets`.
        user: only choices of this user; of all users if None.
        strict: raise the first bad row instead of skipping and counting it.
        problems: object in which skipped rows are counted.
        min_gap: for ratings: leave out pairs whose scores differ by less (equal scores are ties and kept); the scores
            of each user are brought to a common scale first.
        take: filter of rows, called with each row as in the file; rejected rows are not counted.
        labels: False reads pairs only, also unlabelled ones; see `candidates`.
        columns: roles of columns (see `mapping`), if their names are not known.
        limits: size limits.
        common_scale: False compares ``min_gap`` with the scores as in the file.

    Raises:
        DataError: a missing or damaged file, or one without any usable row (raised at the end of the file).
        RowError: the first bad row, if ``strict``.
    """
    how = ReadingSettings(strict, min_gap, take, labels, Columns.parse(columns), limits, common_scale)
    reader = _Reader(path, how, Problems() if problems is None else problems)
    return reader.only_choices(user)


def read_history(
    path: Given,
    user: str | None = None,
    *,
    strict: bool = False,
    problems: Problems | None = None,
    min_gap: float = 0.0,
    columns: ColumnsGiven = None,
    limits: Limits = DEFAULT,
) -> History:
    """Read one user's choices and thumbs, oldest first: sorted by time where known, else in file order.

    A choice without a time stays after its predecessor in the file. Only this user's choices are kept in memory.

    Args:
        path, strict, problems, min_gap, columns, limits: as in `read_choices`.
        user: the user to read; may be None if the file has only one.

    Raises:
        SeveralPeople: no user was named and the file has several.
        DataError: the file has no such user, or as `read_choices`.
    """
    how = ReadingSettings(strict, min_gap, columns=Columns.parse(columns), limits=limits)
    reader = _Reader(path, how, Problems() if problems is None else problems)
    kept: list[Preference | Thumb] = []
    for choice in reader.choices(user):
        if user is None and len(reader.people) > 1:
            kept.clear()  # an error will follow; the rest is read to count the people
        else:
            kept.append(choice)
    if user is None and len(reader.people) > 1:
        raise SeveralPeople(_several(reader.name, list(reader.people)))
    return history_from(kept[0].user, kept)


def read_people(
    path: Given,
    *,
    strict: bool = False,
    problems: Problems | None = None,
    min_gap: float = 0.0,
    columns: ColumnsGiven = None,
    limits: Limits = DEFAULT,
    thumbs_alone: bool = False,
) -> Iterator[History]:
    """Yield the history of every user, in the order of first rows; ``thumbs_alone`` includes users without a choice.

    A large file (over 8 MB, compressed 1 MB) is first scanned for the order of its users: if the rows of each user are
    adjacent, only one user is kept in memory at a time, otherwise (and for hub data sets) all users are.

    Raises:
        DataError, RowError: as `read_choices`.
    """
    how = ReadingSettings(strict, min_gap, columns=Columns.parse(columns), limits=limits)
    reader = _Reader(path, how, Problems() if problems is None else problems)
    found = _in_turn(reader.choices(None)) if reader.large and reader.sorted_by_user() else _all(reader.choices(None))
    return (one for one in found if len(one) or (thumbs_alone and one.thumbs))


def read_judgements(
    path: Given,
    *,
    strict: bool = False,
    problems: Problems | None = None,
    min_gap: float = 0.0,
    columns: ColumnsGiven = None,
    limits: Limits = DEFAULT,
) -> Iterator[Preference | Thumb]:
    """Yield choices and unpaired thumbs of all users in file order, for callers that group them (`history_from`).

    Raises:
        DataError, RowError: as `read_choices`.
    """
    how = ReadingSettings(strict, min_gap, columns=Columns.parse(columns), limits=limits)
    return _Reader(path, how, Problems() if problems is None else problems).choices(None)


def is_large(path: Given, limits: Limits = DEFAULT) -> bool:
    """Whether the input should be read again rather than kept in memory; False for hub data, pipes and rows."""
    return any(one.large for one in inputs_of(path, limits))


class _Reader:
    """Everything that is given, one input after the other. ``people`` are those met so far, in order."""

    def __init__(self, given: Given, how: ReadingSettings, problems: Problems) -> None:
        self._how, self._problems = how, problems
        self._inputs = inputs_of(given, how.limits)
        self._rows = [one.rows() for one in self._inputs]  # opened here, so that a missing file raises at the call
        self.people: dict[str, None] = {}
        self.name = str(self._inputs[0].name) if len(self._inputs) == 1 else f"{len(self._inputs)} files"
        self.large = any(one.large for one in self._inputs)

    def only_choices(self, user: str | None) -> Iterator[Preference]:
        pairs = 0
        for one in self.choices(user):
            if isinstance(one, Preference):
                pairs += 1
                yield one
        if not pairs:
            single = f"{self._problems.thumbs:,} single thumbs or ratings"
            raise DataError(f"{self.name} holds {single}, and no pair to compare")

    def choices(self, user: str | None) -> Iterator[Preference | Thumb]:
        register, found, errors = Register(), 0, list[DataError]()
        for given, rows in zip(self._inputs, self._rows, strict=True):
            one = Pass(given, self._how, self._problems, register, self.people)
            try:
                for choice in one.choices(rows, user):
                    if isinstance(choice, Thumb):
                        self._problems.thumbs += 1
                    yield choice
                if not one.found and (user is None or len(self._inputs) == 1):
                    raise self._nothing(given, one, user)
            except RowError:
                raise
            except DataError as error:  # of several files the others are read
                if self._how.strict or len(self._inputs) == 1:
                    raise
                errors.append(error)
                self._problems.refused.append(f"Not read: {error}.")
            found += one.found
        if not found:
            raise errors[0] if errors else DataError(self._unknown(user or ""))

    def sorted_by_user(self) -> bool:
        """Whether the rows of each user are adjacent."""
        met: set[str] = set()
        last = None
        for given in self._inputs:
            for user in Pass(given, replace(self._how, strict=False), Problems(), Register(), {}).users():
                if user != last:
                    if user in met:
                        return False
                    met.add(user)
                    last = user
        return True

    def _nothing(self, given: Input, done: Pass, user: str | None) -> DataError:
        """The error for an input without any choice."""
        if done.rows == 0 and self._how.take is not None:
            return DataError(f"{given.name} has no row in the requested range")
        if done.rows == 0:
            return DataError(f"{given.name} is empty: it has no choices")
        if user is not None and user not in self.people and self.people:
            return DataError(self._unknown(user))
        if isinstance(done.first, ColumnsError) and "--columns says" in done.first.expected:
            return DataError(f"{given.name} has {done.first.found}, but not {done.first.expected}")
        if isinstance(done.first, ColumnsError) and not done.first.field:
            return DataError(f"{given.name} has {wrong_columns(done.first)}")
        whose = f" of '{user}'" if user is not None else ""
        if done.first is not None:
            way = columns_way(done.names, short(done.first))
            return DataError(f"{given.name}: none of the rows{whose} can be used: {short(done.first)}{way}")
        if self._problems.too_close:
            return DataError(f"{given.name}: no rated pair{whose} reaches the minimum gap of {self._how.min_gap:g}")
        if self._problems.undecided:
            single = self._problems.undecided
            said = f"{single:,} single rating{' says' if single == 1 else 's say'} nothing{whose}"
            return DataError(f"{given.name}: {said}: no other to compare with, and none above or below the others")
        way = columns_way(done.names, "")
        return DataError(f"{given.name}: none of its {done.rows:,} rows{whose} holds a choice{way}")

    def _unknown(self, user: str) -> str:
        people = list(self.people)
        if people == [ME]:
            return f"{self.name} names no people, so '{user}' cannot be picked: leave the user out"
        close = (
            difflib.get_close_matches(user, people, n=3) or [one for one in people if user.lower() in one.lower()][:3]
        )
        if close:
            return f"{self.name} holds no choices of '{user}'; did you mean {' or '.join(close)}?"
        return f"{self.name} holds no choices of '{user}', but of {', '.join(people[:_NAMED])}" + (
            f" and {len(people) - _NAMED:,} others" if len(people) > _NAMED else ""
        )


def history_from(user: str, kept: Sequence[Preference | Thumb]) -> History:
    """One person's history from their choices and thumbs in file order; see `read_history` for the order."""
    choices = in_time(user, (one for one in kept if isinstance(one, Preference)))
    return replace(choices, thumbs=tuple(one for one in kept if isinstance(one, Thumb)))


def _in_turn(choices: Iterator[Preference | Thumb]) -> Iterator[History]:
    kept: list[Preference | Thumb] = []
    for choice in choices:
        if kept and choice.user != kept[0].user:
            yield history_from(kept[0].user, kept)
            kept = []
        kept.append(choice)
    if kept:
        yield history_from(kept[0].user, kept)


def _all(choices: Iterator[Preference | Thumb]) -> Iterator[History]:
    people: dict[str, list[Preference | Thumb]] = {}
    for choice in choices:
        people.setdefault(choice.user, []).append(choice)
    for user, kept in people.items():
        yield history_from(user, kept)


def _several(name: str, people: list[str]) -> str:
    first = ", ".join(people[:_NAMED]) + (", …" if len(people) > _NAMED else "")
    return f"{name} holds choices of {len(people):,} people ({first}): name one with --user (in Python, user=)"
