"""One pass over an input: convert formats, collect responses of one prompt, make choices, and count bad rows."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from personalrm.data.about import given_id, user_of
from personalrm.data.choices import Found, RowReading, choices_of
from personalrm.data.column_roles import Layouts
from personalrm.data.columns import plain
from personalrm.data.fields import Fields, is_ambiguous_date
from personalrm.data.files import Row
from personalrm.data.formats import Unpacker, nearest
from personalrm.data.formats.base import Format
from personalrm.data.gathering import Gatherer
from personalrm.data.identity import Register
from personalrm.data.inputs import Input
from personalrm.data.layout import ColumnsError, Layout
from personalrm.data.limits import DEFAULT, Limits
from personalrm.data.mapping import Columns
from personalrm.data.numbering import Numbering
from personalrm.data.outcomes import ratings_in
from personalrm.data.problems import KEPT, Problems
from personalrm.data.rating_scales import RatingScales
from personalrm.data.suggesting import suggested
from personalrm.data.unread import UnreadColumns
from personalrm.errors import RowError
from personalrm.preferences import Preference, Thumb

_COLUMNS_SHOWN = 25

KNOWN = (
    "context/prompt + chosen + rejected; chosen + rejected (shared beginning = prompt); "
    "prompt + response_a + response_b + winner; prompt + responses [{content, score}]; "
    "prompt + response + score or thumb (one row for each response); the exports and data sets in docs/formats.md; "
    "any other columns with --columns prompt=…,chosen=…,rejected=…"
)


@dataclass(frozen=True, slots=True)
class ReadingSettings:
    """Settings for reading choices; the fields are the arguments of `reading.read_choices`."""

    strict: bool = False
    min_gap: float = 0.0
    take: Callable[[Fields], bool] | None = None
    labels: bool = True
    columns: Columns = field(default_factory=Columns)
    limits: Limits = DEFAULT
    common_scale: bool = True


class Pass:
    """One pass over one input. ``people``: the users found so far, in order; ``first``: the first error; ``names``: the
    columns of the first row."""

    def __init__(
        self, given: Input, how: ReadingSettings, problems: Problems, register: Register, people: dict[str, None]
    ) -> None:
        self._input, self._how, self._problems = given, how, problems
        self._layouts = Layouts(how.columns)
        self._unpacker = Unpacker()
        self._unread = UnreadColumns(problems)
        numbering = Numbering(lambda: (row for _, row in self._generic(given.rows())))
        scales = RatingScales(self._ratings)
        self._reading = RowReading(register, numbering, how.min_gap, how.labels, given.source, scales, how.common_scale)
        self.people = people
        self.first: RowError | None = None
        self.names: tuple[str, ...] = ()
        self.rows = 0
        self.found = 0

    def choices(self, rows: Iterator[Row], user: str | None) -> Iterator[Preference | Thumb]:
        """Yield the choices and unpaired thumbs of the rows. Raises RowError for the first bad row, if ``strict``."""
        gatherer = Gatherer(self._layouts, self._how.limits)
        for line, row, layout in gatherer.gathered(self._generic(self._counted(rows), note=True)):
            if isinstance(row, RowError):
                self._report(row, line)
                continue
            try:
                found = self._of_row(row, layout, user)
            except RowError as error:
                self._report(error, line)
                continue
            self.found += len(found.choices)
            yield from found.choices
            self._problems.too_close += found.too_close
            self._problems.rated += found.rated
            self._problems.undecided += found.undecided
            for fault in found.faults:
                self._report(fault, line)
            for thumb in found.thumbs:
                self.found += 1
                yield thumb

    def users(self) -> Iterator[str]:
        """Yield the user of each row, in a separate pass; rows that cannot be used are skipped."""
        for _, row in self._generic(self._input.rows()):
            if not isinstance(row, RowError):
                try:
                    yield user_of(row, self._layouts.of(row))
                except RowError:
                    continue

    def _ratings(self) -> Iterator[tuple[str, list[float]]]:
        """Yield the user and the ratings of each row, in a separate pass; rows that cannot be used are skipped."""
        for _, row in self._generic(self._input.rows()):
            if isinstance(row, RowError):
                continue
            try:
                layout = self._layouts.of(row)
                found = ratings_in(row, layout, self._reading.numbering)
                if found:
                    yield user_of(row, layout), found
            except RowError:
                continue

    def _of_row(self, row: Fields, layout: Layout | None, user: str | None) -> Found:
        if layout is None or not layout.kind:
            raise ColumnsError("the columns of a known format", found=_there(row))
        if layout.unread:
            self._unread.note(row, layout.unread)
        person = user_of(row, layout)
        if person not in self.people:
            self.people[person] = None
        if user is not None and person != user:
            own_id = given_id(row, layout)[1]
            if own_id is not None:
                self._reading.register.passed(person, own_id, self._reading.source or "")
            return Found()
        found = choices_of(row, layout, self._reading, person)
        if "time" in layout.roles and found.choices and found.choices[0].time is None:
            self._note_time(*layout.role(row, "time"))
        return found

    def _note_time(self, column: str, value: object) -> None:
        if is_ambiguous_date(value):
            self._problems.undated[column] = None

    def _generic(self, rows: Iterable[Row], note: bool = False) -> Iterator[Row]:
        """The rows, converted to generic columns unless the user named the columns."""
        if self._how.columns.say_what_was_chosen:
            return iter(rows)
        return self._unpacker.unpacked(rows, self._empty, self._note) if note else self._unpacker.unpacked(rows)

    def _note(self, row: Fields, format_: Format) -> None:
        if format_.hands_on:
            return
        self._unread.outside(row, {*format_.needs, *format_.reads})

    def _empty(self) -> None:
        self._problems.empty += 1

    def _counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        take = self._how.take
        for line, row in rows:
            if take is None or isinstance(row, RowError) or take(row):
                self._problems.rows += 1
                self.rows += 1
                if not self.names and not isinstance(row, RowError):
                    self.names = tuple(map(str, row))
                yield line, row

    def _report(self, error: RowError, line: int) -> None:
        if not self._how.strict and self.first is not None and len(self._problems.first) >= KEPT:
            self._problems.count(error)
            return
        expected = error.expected
        if self._how.strict and isinstance(error, ColumnsError):
            expected += f" ({KNOWN})"
        placed = type(error)(expected, path=self._input.name, line=line, field=error.field, found=error.found)
        if self._how.strict:
            raise placed from None
        self.first = self.first or placed
        self._problems.add(placed)


def wrong_columns(error: RowError) -> str:
    """Error message for a file whose columns match no known format."""
    names = (error.found or "").removeprefix("the columns ").split(", ")
    near = nearest({*names, *map(plain, names)})
    closest = f"; the closest is {near}" if near else ""
    line = suggested(names)
    perhaps = f"; perhaps --columns {shlex.quote(line)}" if line else ""
    return f"{error.found}, which match no known format{closest}{perhaps}; known formats: {KNOWN}"


def columns_way(names: Sequence[str], said: str) -> str:
    """The end of a refusal: the columns, and the option that gives them other roles, unless the refusal names it."""
    if not names or "--columns" in said:
        return ""
    line = suggested(names)
    if line and all(role == name for role, _, name in (one.partition("=") for one in line.split(","))):
        return ""  # the columns have the names of the roles already
    way = shlex.quote(line) if line else "prompt=…,chosen=…,rejected=… (or a=…,b=…,winner=…)"
    return f"; it has {_there(dict.fromkeys(names))}; if they mean something else: --columns {way}"


def _there(row: Fields) -> str:
    names = [str(name)[:60] for name in row]
    more = f" and {len(names) - _COLUMNS_SHOWN} more" if len(names) > _COLUMNS_SHOWN else ""
    return f"the columns {', '.join(names[:_COLUMNS_SHOWN]) or 'none'}{more}"
