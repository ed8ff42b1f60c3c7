"""Which column of a row plays which role: found once for each set of columns, by their names alone.

    layout = Layouts(Columns()).of({"Question": …, "Answer A": …, "Answer B": …, "Winner": …, "Rater": …})
    layout.kind, layout.sides.columns          # "sides", ("Answer A", "Answer B")
    layout.role(row, "user")                   # ("Rater", "kim")

| kind | a choice is |
|---|---|
| pair | a column of preferred responses and one of the others |
| sides | a column for each response, and which of them won, or a score or rank for each |
| list | one column with all responses, and their scores or ranks, or which of them won |
| one | one response a row, with a score, a rank or a thumb; rows of one prompt belong together |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from personalrm.data.columns import ABOUT, PREFERS, ROLES, plain
from personalrm.data.fields import Fields, first_of
from personalrm.data.mapping import Columns
from personalrm.data.sides import NONE, Sides, find_sides
from personalrm.data.winners import Winner
from personalrm.errors import RowError

Kind = Literal["pair", "sides", "list", "one", ""]
CONVERSATION = ("system", "history", "context", "prompt", "input")
_OTHER = ("source", "ranking", "weight", "status", "as_written")
_SEVERAL = ("user", "id", "group", "time", "reason")
"""Roles that a second column fills where the first holds nothing (reasons are joined)."""
_TELLING = frozenset(("tie", "status", "winner", "scores", "margin", "chosen_score"))
_TOLD = frozenset((*ABOUT, "source", "ranking", "weight")) - {"user", "id", "group", "tie", "margin"}
_KEPT = 500


class ColumnsError(RowError):
    """The row's columns fit no known format."""


@dataclass(frozen=True)
class Layout:
    """The roles of some columns.

    Attributes:
        kind: how a row of them says what was chosen; empty if it does not.
        roles: the columns of each role, the surest first.
        sides, scores, ranks, models: a column for each response, and what stands beside it.
        doubtful: the columns of the responses are called as models are, and may hold only their names.
        only_user: there is a column of people and none of prompts, so that it may hold what a user said.
        unread: columns without a role.
        values: what the user said that values of the winner column mean.
    """

    kind: Kind
    roles: Mapping[str, tuple[str, ...]]
    sides: Sides = NONE
    scores: Sides = NONE
    ranks: Sides = NONE
    models: Sides = NONE
    doubtful: bool = False
    only_user: bool = False
    unread: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def has_conversation(self) -> bool:
        """Whether a column says what the responses answer."""
        return any(name in self.roles for name in CONVERSATION if name != "system")

    @cached_property
    def only_prompt(self) -> str | None:
        """The column of the prompt, if it is the only one of the conversation."""
        found = [column for name in CONVERSATION for column in self.roles.get(name, ())]
        return found[0] if len(found) == 1 and not {"system", "input"} & self.roles.keys() else None

    @cached_property
    def winner(self) -> Winner:
        """What reads the winner column."""
        return Winner(self.sides.labels, self.sides.columns, self.values)

    @cached_property
    def _among(self) -> dict[int, Winner]:
        return {}

    def winner_among(self, count: int) -> Winner:
        """What reads the winner column of a list of so many responses."""
        if count not in self._among:
            labels = tuple(map(str, range(1, count + 1)))
            self._among[count] = Winner(labels, [f"response {one}" for one in labels], self.values)
        return self._among[count]

    @cached_property
    def meanings(self) -> dict[str, frozenset[int] | None]:
        """What words in the winner column mean, as far as they were met."""
        return {}

    @cached_property
    def is_simple(self) -> bool:
        """Whether two columns of responses and one that says which won are all that decides."""
        return (
            self.kind == "sides"
            and len(self.sides.columns) == 2
            and not (self.doubtful or self.scores.columns or self.ranks.columns)
            and len(self.roles.get("winner", ())) == 1
            and self.roles.keys().isdisjoint(("tie", "status"))
        )

    @cached_property
    def is_marked(self) -> bool:
        """Whether there is a column for the mark of `writing`."""
        return "as_written" in self.roles

    @cached_property
    def pair(self) -> tuple[str, str]:
        """The columns of the preferred response and of the other one."""
        chosen, rejected = (next(iter(self.roles.get(role, ())), role) for role in ("chosen", "rejected"))
        return chosen, rejected

    @cached_property
    def may_tie(self) -> bool:
        """Whether a pair of these columns may be a tie, or have a margin."""
        return not self.roles.keys().isdisjoint(_TELLING)

    @cached_property
    def told(self) -> tuple[str, ...]:
        """The roles that are filled of those that only say something of the choice."""
        return tuple(role for role in self.roles if role in _TOLD)

    def role(self, row: Fields, name: str) -> tuple[str, Any]:
        """Column and value of the first column of a role that holds something; ``("", None)`` if none does."""
        return first_of(row, self.roles.get(name, ()))


class Layouts:
    """Layouts by the columns they are of."""

    def __init__(self, given: Columns) -> None:
        self._given = given
        self._known: dict[tuple[str, ...], Layout] = {}

    def of(self, row: Fields) -> Layout:
        """The layout of this row's columns. ColumnsError if a column that the user named is not there."""
        names = tuple(row)
        found = self._known.get(names)
        if found is None:
            if len(self._known) >= _KEPT:  # rows that all differ: nothing to gain by keeping them
                self._known.clear()
            found = self._known[names] = _Finder(names, self._given).layout()
        return found


class _Finder:
    """Gives each column at most one role."""

    def __init__(self, names: Iterable[str], given: Columns) -> None:
        self._names = [str(name) for name in names]
        self._given = given
        self._by_plain: dict[str, str] = {}
        for name in self._names:
            self._by_plain.setdefault(plain(name), name)
        for name in self._names:
            self._by_plain.setdefault(plain(name).replace("_", ""), name)  # BETTERRESPONSE, userid
        self._free = dict.fromkeys(self._names)
        self._roles: dict[str, tuple[str, ...]] = {}

    def layout(self) -> Layout:
        for role, columns in self._given.roles.items():
            self._take(role, tuple(self._named(one) for one in columns))
        sides = find_sides(self._free)
        if self._given.sides:
            chosen = Sides(tuple(map(self._named, self._given.sides.values())), tuple(self._given.sides))
            sides = find_sides(name for name in self._free if name not in chosen.columns)._replace(
                responses=chosen, doubtful=False
            )
        kind = self._kind(sides.responses)
        used = sides if kind == "sides" else find_sides(())
        for group in used[:4]:
            self._drop(group.columns)
        self._rest(kind)
        roles = {role: columns for role, columns in self._roles.items() if columns}
        alone = "user" in roles and not any(name in roles for name in CONVERSATION)
        unread = tuple(self._free)
        if kind == "" and "winner" in roles:
            kind, used = self._named_by_the_winner(used)
            unread = () if kind else unread
        return Layout(
            kind, roles, *used[:4], used.doubtful, alone and "user" not in self._given.roles, unread, self._given.values
        )

    def _kind(self, sides: Sides) -> Kind:
        """What decides, in order: what the user said, then explicit pairs, sides with a winner, lists, single rows."""
        if self._given.sides:
            self._claim("winner")
            return "sides"
        for kind, role in (("pair", "rejected"), ("list", "responses"), ("one", "response")):
            if self._given.roles.get(role):
                return self._taken(kind)  # type: ignore[arg-type]
        chosen, rejected = self._found("chosen"), self._found("rejected")
        if chosen and rejected and not (sides.columns and (_names_a_winner(chosen) or self._given.roles.get("winner"))):
            return self._taken("pair")
        if sides.columns:
            self._claim_winner(sides)
            return "sides"
        if self._found("responses"):
            return self._taken("list")
        if self._found("response") and any(self._found(one) for one in ("score", "rank", "liked")):
            return self._taken("one") if any(self._found(one) for one in CONVERSATION[1:]) else ""
        if rejected or self._by_plain.get("chosen") in self._free:
            return self._taken("pair")  # of which one column is missing
        self._claim("winner")
        return ""

    def _claim_winner(self, sides: Sides) -> None:
        """A known name, or one that is a question ("Which response do you prefer?"), if it is the only such one."""
        self._claim("winner")
        named = tuple(one for one in self._free if one not in sides.columns and PREFERS & {*plain(one).split("_")})
        if "winner" not in self._roles and len(named) == 1:
            self._take("winner", named)

    def _taken(self, kind: Kind) -> Kind:
        roles = {
            "pair": ("chosen", "rejected", "chosen_score", "rejected_score"),
            "list": ("responses", "winner"),
            "one": ("response",),
        }[kind]
        for role in roles:
            self._claim(role)
        if kind == "list":
            self._claim("scores", most=9)
            self._claim("ranks", most=9)
        if kind == "one":
            order = ("liked", "score") if self._by_plain.get("label") in self._free else ("score", "liked")
            for role in (*order, "rank"):
                if not any(role in self._roles for role in ("score", "liked", "rank")):
                    self._claim(role)
            self._claim("model")
        return kind

    def _rest(self, kind: Kind) -> None:
        """What every kind may have besides."""
        for role in CONVERSATION:
            self._claim(role, most=9)
        if kind == "pair":
            self._claim("winner")
            self._claim("scores", most=9)
        if kind == "sides":
            self._claim("ranks", most=9)
        for role in (*ABOUT, *_OTHER):
            self._claim(role, most=9 if role in _SEVERAL else 1)

    def _named_by_the_winner(self, used: Any) -> tuple[Kind, Any]:
        """Two columns that are called as what the winner column holds: a table with a column for each model."""
        if len(self._free) != 2:
            return "", used
        both = Sides(tuple(self._free), tuple(map(plain, self._free)))
        return "sides", used._replace(responses=both, doubtful=True)

    def _found(self, role: str) -> str | None:
        """The first free column of this role."""
        return next(iter(self._all(role)), None)

    def _all(self, role: str) -> list[str]:
        """The free columns of this role, the surest first."""
        found: dict[str, None] = {}
        for one in ROLES[role]:
            for name in (one, one.replace("_", "")):
                column = self._by_plain.get(name)
                if column is not None and column in self._free:
                    found[column] = None
        return list(found)

    def _claim(self, role: str, most: int = 1) -> None:
        if role not in self._roles:
            self._take(role, tuple(self._all(role)[:most]))

    def _take(self, role: str, columns: tuple[str, ...]) -> None:
        if columns or role in self._given.roles:
            self._roles[role] = columns
        self._drop(columns)

    def _drop(self, columns: Iterable[str]) -> None:
        for one in columns:
            self._free.pop(one, None)

    def _named(self, name: str) -> str:
        """The column that the user means."""
        joined = plain(name).replace("_", "")
        found = name if name in self._names else self._by_plain.get(plain(name), self._by_plain.get(joined))
        if found is None:
            there = ", ".join(self._names[:20]) or "none"
            raise ColumnsError(f"a column '{name}', as --columns says", found=f"the columns {there}")
        return found


def _names_a_winner(column: str) -> bool:
    """Whether a column that could hold the better response could as well say which of two it is."""
    return plain(column) in ROLES["winner"] and not plain(column).startswith("chosen")
