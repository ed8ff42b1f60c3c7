"""Assign roles to the columns of a row by their names, once for each set of columns.

layout = Layouts(Columns()).of({"Question": …, "Answer A": …, "Answer B": …, "Winner": …, "Rater": …})
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from personalrm.data.columns import ABOUT, BESIDE, PICKS, PREFERS, ROLES, contrasted, plain
from personalrm.data.fields import Fields
from personalrm.data.layout import CONVERSATION, ColumnsError, Kind, Layout
from personalrm.data.mapping import Columns
from personalrm.data.sides import Sides, find_sides

_OTHER = ("source", "ranking", "weight", "status", "as_written")
_SEVERAL = ("user", "id", "group", "time", "reason")
"""Roles with several columns: later ones are used if earlier ones are empty (reasons are joined)."""
_KEPT = 500


class Layouts:
    """Cache of layouts by set of columns."""

    def __init__(self, given: Columns) -> None:
        self.given = given
        self._known: dict[tuple[str, ...], Layout] = {}

    def of(self, row: Fields) -> Layout:
        """The layout of the row's columns. Raises ColumnsError if a column named by the user is missing."""
        names = tuple(row)
        found = self._known.get(names)
        if found is None:
            if len(self._known) >= _KEPT:  # bounds the memory for files with different columns in each row
                self._known.clear()
            found = self._known[names] = _Finder(names, self.given).layout()
        return found


@lru_cache(maxsize=_KEPT)
def layout_of(names: tuple[str, ...]) -> Layout:
    """The layout of these columns without a mapping; cached, because finding it takes 0.3 ms, several times a row."""
    return Layouts(Columns()).of(dict.fromkeys(names))


class _Finder:
    """Assigns roles to columns, at most one role to each column."""

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
        self._drop(column for group in used[:4] for column in group.columns)
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
        """The form of a choice. Order: the user's mapping, pairs, sides with a winner, lists, single responses."""
        if self._given.sides:
            self._claim("winner")
            return "sides"
        for kind, role in (("pair", "rejected"), ("list", "responses"), ("one", "response")):
            if self._given.roles.get(role):
                return self._claimed_kind(kind)  # type: ignore[arg-type]
        chosen, rejected = self._found("chosen"), self._found("rejected")
        if not ((chosen and rejected) or sides.columns):
            chosen, rejected = self._contrasted(chosen, rejected)
        if chosen and rejected and not (sides.columns and self._says_winner(chosen)):
            return self._claimed_kind("pair")
        if sides.columns:
            self._claim_winner(sides)
            return "sides"
        if self._found("responses"):
            return self._claimed_kind("list")
        if self._found("response") and any(self._found(one) for one in ("score", "rank", "liked")):
            return self._claimed_kind("one") if any(self._found(one) for one in CONVERSATION[1:]) else ""
        if rejected or self._by_plain.get("chosen") in self._free:
            return self._claimed_kind("pair")  # one column is missing, which is reported for each row
        self._claim("winner")
        return ""

    def _contrasted(self, chosen: str | None, rejected: str | None) -> tuple[str | None, str | None]:
        """The two columns whose names differ in a word for better and one for worse, else those given."""
        found = None if self._given.roles.keys() & {"chosen", "rejected"} else contrasted(self._free)
        if found is None or not any(self._found(one) for one in CONVERSATION[1:]):
            return chosen, rejected  # without a conversation another column may be the prompt: a suggestion asks
        for role, column in zip(("chosen", "rejected"), found, strict=True):
            self._take(role, (column,))
        return found

    def _says_winner(self, chosen: str) -> bool:
        """Whether a column with a name for the better response is a winner column instead."""
        if self._given.roles.keys() & {"winner", "chosen"}:
            return bool(self._given.roles.get("winner"))
        return plain(chosen) in ROLES["winner"] and not plain(chosen).startswith("chosen")

    def _claim_winner(self, sides: Sides) -> None:
        """Claim the winner column: a known name, or the only name that is a question with a word of `PREFERS`."""
        self._claim("winner")
        words = {one: {*plain(one).split("_")} for one in self._free if one not in sides.columns}
        for marks in (PREFERS, PICKS):
            named = tuple(one for one, said in words.items() if marks & said and not BESIDE & said)
            if "winner" not in self._roles and len(named) == 1:
                self._take("winner", named)

    def _claimed_kind(self, kind: Kind) -> Kind:
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
        """Claim the roles that every kind may have: the conversation and metadata."""
        for role in CONVERSATION:
            self._claim(role, most=9)
        if kind == "pair":
            self._claim("winner")
            self._claim("scores", most=9)
        if kind in ("sides", "list") and not any(name in self._roles for name in CONVERSATION[1:]):
            self._take("prompt", tuple(self._all("asked")[:1]))
        if kind == "sides":
            self._claim("ranks", most=9)
        for role in (*ABOUT, *_OTHER):
            self._claim(role, most=9 if role in _SEVERAL else 1)

    def _named_by_the_winner(self, used: Any) -> tuple[Kind, Any]:
        """Sides of a table with a response column for each model, which the winner column names."""
        if len(self._free) != 2:
            return "", used
        both = Sides(tuple(self._free), tuple(map(plain, self._free)))
        return "sides", used._replace(responses=both, doubtful=True)

    def _found(self, role: str) -> str | None:
        """The column that the user named for this role, else the first free one with a known name, or None."""
        return next(iter(self._given.roles[role] if role in self._given.roles else self._all(role)), None)

    def _all(self, role: str) -> list[str]:
        """The free columns with a known name of this role, most specific first."""
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
        """The column that the user named. Raises ColumnsError if it is missing."""
        known = self._by_plain
        found = name if name in self._names else known.get(plain(name), known.get(plain(name).replace("_", "")))
        if found is None:
            there = ", ".join(self._names[:20]) or "none"
            raise ColumnsError(f"a column '{name}', as --columns says", found=f"the columns {there}")
        return found
