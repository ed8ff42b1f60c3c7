"""The front of reading: a stream of choices, one person's history, or everyone's, from any file we know.

    history = read_history("choices.jsonl", user="ada")
    problems = Problems()
    for choice in read_choices("choices.csv.gz", problems=problems): ...
    for history in read_people("prism.jsonl.gz"): ...

Kinds of file are in `files`, formats of rows in `formats`. Everything streams: at any time one row is held, and a few
bytes a choice to notice repeated ids (see `seen`). Rows that cannot be used are skipped and counted in `Problems`;
with ``strict`` the first one raises.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from personalrm.data.fields import Fields
from personalrm.data.files import HUB, Row, name_of, rows
from personalrm.data.formats import KNOWN, ColumnsError, check_columns, converted, given_id, user_of
from personalrm.data.identity import Register
from personalrm.data.problems import Problems, short
from personalrm.data.published import unpacked
from personalrm.data.ratings import gathered
from personalrm.errors import DataError, RowError, SeveralPeople
from personalrm.preferences import ME, History, Preference
from personalrm.profile.merging import in_time

_SMALL = 8 << 20  # bytes of text up to which all people are simply held in memory
_PACKED = 8  # gzip makes such text about 3 times smaller, repetitive text far more
_NAMED = 5


def read_choices(
    path: str | Path,
    *,
    user: str | None = None,
    strict: bool = False,
    problems: Problems | None = None,
    min_gap: float = 0.0,
    take: Callable[[Fields], bool] | None = None,
    labels: bool = True,
) -> Iterator[Preference]:
    """Choices in file order, read as they are asked for.

    Args:
        path: a file, or a hub set as ``hub:owner/name[/config][:split]``.
        user: only this person's choices; all people's if None.
        strict: raise the first bad row instead of skipping and counting it.
        problems: where to count what is skipped.
        min_gap: ratings only: leave out pairs whose scores differ by less (equal scores are ties, and kept).
        take: whether to use a row, asked of each as it stands in the file; the others count as never there.
        labels: false reads pairs alone, also unlabelled ones; see `candidates`.

    Raises:
        DataError: no such file, a damaged one, or none of its rows can be used (raised once the end is reached).
        RowError: the first bad row, if ``strict``.
    """
    reader = _Reader(path, strict, Problems() if problems is None else problems, min_gap, take, labels)
    return reader.choices(user)


def read_history(
    path: str | Path,
    user: str | None = None,
    *,
    strict: bool = False,
    problems: Problems | None = None,
    min_gap: float = 0.0,
) -> History:
    """One person's choices, oldest first: by time where times are known, in file order where not.

    A choice without a time stays behind the one it follows in the file. Only this person's choices are held in memory.

    Raises:
        SeveralPeople: no user was named and the file holds several.
        DataError: nobody of that name is in the file, or as `read_choices`.
    """
    reader = _Reader(path, strict, Problems() if problems is None else problems, min_gap)
    kept: list[Preference] = []
    for choice in reader.choices(user):
        if user is None and len(reader.people) > 1:
            kept.clear()  # it will end in an error; the rest is read to count the people
        else:
            kept.append(choice)
    if user is None and len(reader.people) > 1:
        raise SeveralPeople(_several(path, list(reader.people)))
    return in_time(kept[0].user, kept)


def read_people(
    path: str | Path,
    *,
    strict: bool = False,
    problems: Problems | None = None,
    min_gap: float = 0.0,
) -> Iterator[History]:
    """Every person's history, in order of their first row.

    A large file (over 8 MB, gzipped 1 MB) is looked through once for the order of its people: if each person's rows
    stand together only one person is held at a time, otherwise (and for hub sets) all of them are.

    Raises:
        DataError, RowError: as `read_choices`.
    """
    reader = _Reader(path, strict, Problems() if problems is None else problems, min_gap)
    one_at_a_time = is_large(path) and _sorted_by_user(unpacked(rows(path)))
    return _in_turn(reader.choices(None)) if one_at_a_time else _all_people(reader.choices(None))


class _Reader:
    """One pass over a file. ``people`` are those met so far, in order."""

    def __init__(
        self,
        path: str | Path,
        strict: bool,
        problems: Problems,
        min_gap: float,
        take: Callable[[Fields], bool] | None = None,
        labels: bool = True,
    ) -> None:
        self._path, self._strict, self._problems, self._min_gap = path, strict, problems, min_gap
        self._take, self._labels, self._source = take, labels, name_of(path)
        self._rows = rows(path)  # opened here, so that a missing file raises at the call
        self._register = Register()
        self._first: RowError | None = None
        self.people: dict[str, None] = {}

    def choices(self, user: str | None) -> Iterator[Preference]:
        before, found = self._problems.rows, 0
        for line, row in gathered(unpacked(self._counted(self._rows))):
            try:
                choices = self._of_row(line, row, user)
            except RowError as error:
                self._report(error, line)
                continue
            found += len(choices)
            yield from choices
        if not found:
            self._nothing(user, self._problems.rows - before)

    def _of_row(self, line: int, row: Fields | RowError, user: str | None) -> list[Preference]:
        if isinstance(row, RowError):
            raise row
        check_columns(row)
        person = user_of(row)
        self.people.setdefault(person)
        if user is not None and person != user:
            _, own_id = given_id(row)
            if own_id is not None:
                self._register.passed(own_id)
            return []
        choices, faults, too_close = converted(row, self._register, self._min_gap, self._labels, self._source)
        self._problems.too_close += too_close
        for fault in faults:
            self._report(fault, line)
        return choices

    def _counted(self, found: Iterator[Row]) -> Iterator[Row]:
        for line, row in found:
            if self._take is None or isinstance(row, RowError) or self._take(row):
                self._problems.rows += 1
                yield line, row

    def _report(self, error: RowError, line: int) -> None:
        expected = error.expected
        if self._strict and isinstance(error, ColumnsError):
            expected += f" ({KNOWN})"
        placed = type(error)(expected, path=self._path, line=line, field=error.field, found=error.found)
        if self._strict:
            raise placed from None
        self._first = self._first or placed
        self._problems.add(placed)

    def _nothing(self, user: str | None, rows_read: int) -> None:
        """Why the file gave no choice at all, as an error."""
        if rows_read == 0 and self._take is not None:
            raise DataError(f"{self._path} holds no row of those that were asked for")
        if rows_read == 0:
            raise DataError(f"{self._path} is empty: it holds no choices")
        first = self._first
        if user is not None and user not in self.people and self.people:
            raise DataError(_unknown(self._path, user, list(self.people)))
        if isinstance(first, ColumnsError):
            raise DataError(f"{self._path} has {first.found}, which fit no known format; known are: {KNOWN}")
        whose = f" of '{user}'" if user is not None else ""
        if first is None:
            raise DataError(f"{self._path}: no rated pair{whose} reaches the minimum gap of {self._min_gap:g}")
        raise DataError(f"{self._path}: none of the rows{whose} can be used: {short(first)}")


def _in_turn(choices: Iterator[Preference]) -> Iterator[History]:
    user, kept = "", list[Preference]()
    for choice in choices:
        if kept and choice.user != user:
            yield in_time(user, kept)
            kept = []
        user = choice.user
        kept.append(choice)
    if kept:
        yield in_time(user, kept)


def _all_people(choices: Iterator[Preference]) -> Iterator[History]:
    people: dict[str, list[Preference]] = {}
    for choice in choices:
        people.setdefault(choice.user, []).append(choice)
    for user, kept in people.items():
        yield in_time(user, kept)


def is_large(path: str | Path) -> bool:
    """Whether a file is better read again than held; a hub set is held."""
    if str(path).startswith(HUB):
        return False
    limit = _SMALL // _PACKED if str(path).endswith(".gz") else _SMALL
    return Path(path).stat().st_size > limit


def _sorted_by_user(found: Iterable[Row]) -> bool:
    met: set[str] = set()
    last = None
    for _, row in found:
        if isinstance(row, RowError):
            continue
        try:
            user = user_of(row)
        except RowError:
            continue
        if user != last:
            if user in met:
                return False
            met.add(user)
            last = user
    return True


def _several(path: str | Path, people: list[str]) -> str:
    first = ", ".join(people[:_NAMED]) + (", …" if len(people) > _NAMED else "")
    return f"{path} holds choices of {len(people):,} people ({first}): name one with --user"


def _unknown(path: str | Path, user: str, people: list[str]) -> str:
    if people == [ME]:
        return f"{path} names no people, so '{user}' cannot be picked: leave the user out"
    close = difflib.get_close_matches(user, people, n=3) or [one for one in people if user.lower() in one.lower()][:3]
    if close:
        return f"{path} holds no choices of '{user}'; did you mean {' or '.join(close)}?"
    return f"{path} holds no choices of '{user}', but of {', '.join(people[:_NAMED])}" + (
        f" and {len(people) - _NAMED:,} others" if len(people) > _NAMED else ""
    )
