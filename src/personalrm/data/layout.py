"""The layout of a row: which column has which role (found by `column_roles`).

| kind | form of a choice |
|---|---|
| pair | a column with the preferred response and one with the rejected response |
| sides | a column for each response, and the winner, or a score or rank for each |
| list | one column with all responses, and their scores or ranks, or the winner |
| one | one response in each row, with a score, a rank or a thumb; rows with the same prompt are collected |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from personalrm.data.columns import ABOUT, plain
from personalrm.data.fields import Fields, first_of
from personalrm.data.sides import NONE, Sides
from personalrm.data.winners import Winner
from personalrm.errors import RowError

Kind = Literal["pair", "sides", "list", "one", ""]
CONVERSATION = ("system", "history", "context", "prompt", "input")
_TELLING = frozenset(("tie", "status", "winner", "scores", "margin", "chosen_score"))
_TOLD = frozenset((*ABOUT, "source", "ranking", "weight")) - {"user", "id", "group", "tie", "margin"}
_CONTAINERS = frozenset(("metadata", "meta", "info", "extra", "extra_info", "attributes", "properties", "provenance"))


class ColumnsError(RowError):
    """The columns of a row match no known format."""


@dataclass(frozen=True)
class Layout:
    """The roles of a set of columns.

    Attributes:
        kind: form of a choice (see the module's docstring); empty if the columns have none.
        roles: the columns of each role, most specific first.
        sides, scores, ranks, models: the response columns, and for each its score, rank and model name.
        doubtful: the response columns have names of models, and may contain only these.
        only_user: there is a user column but no prompt column, so that it may contain the user's messages.
        unread: columns without a role.
        values: meaning of values in the winner column, as given by the user.
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
        """Whether a column has the conversation that the responses answer."""
        return any(name in self.roles for name in CONVERSATION if name != "system")

    @cached_property
    def only_prompt(self) -> str | None:
        """The prompt column, if it is the only column of the conversation; else None."""
        found = [column for name in CONVERSATION for column in self.roles.get(name, ())]
        return found[0] if len(found) == 1 and not {"system", "input"} & self.roles.keys() else None

    @cached_property
    def containers(self) -> tuple[str, ...]:
        """The unread columns that may hold an object with metadata of the choice."""
        return tuple(name for name in self.unread if plain(name) in _CONTAINERS)

    @cached_property
    def winner(self) -> Winner:
        """Interprets the winner column."""
        return Winner(self.sides.labels, self.sides.columns, self.values)

    @cached_property
    def _among(self) -> dict[int, Winner]:
        return {}

    def winner_among(self, count: int) -> Winner:
        """Interprets the winner column for a list of ``count`` responses."""
        if count not in self._among:
            labels = tuple(map(str, range(1, count + 1)))
            self._among[count] = Winner(labels, [f"response {one}" for one in labels], self.values)
        return self._among[count]

    @cached_property
    def meanings(self) -> dict[str, frozenset[int] | None]:
        """Cache of the meanings of words in the winner column."""
        return {}

    @cached_property
    def is_simple(self) -> bool:
        """Whether the choice depends only on two response columns and one winner column."""
        return (
            self.kind == "sides"
            and len(self.sides.columns) == 2
            and not (self.doubtful or self.scores.columns or self.ranks.columns)
            and len(self.roles.get("winner", ())) == 1
            and self.roles.keys().isdisjoint(("tie", "status"))
        )

    @cached_property
    def is_marked(self) -> bool:
        """Whether there is a column ``as_written`` (see `writing`)."""
        return "as_written" in self.roles

    @cached_property
    def pair(self) -> tuple[str, str]:
        """The columns of the chosen and the rejected response."""
        chosen, rejected = (next(iter(self.roles.get(role, ())), role) for role in ("chosen", "rejected"))
        return chosen, rejected

    @cached_property
    def may_tie(self) -> bool:
        """Whether a pair of these columns may be a tie, or have a margin."""
        return not self.roles.keys().isdisjoint(_TELLING)

    @cached_property
    def told(self) -> tuple[str, ...]:
        """The metadata roles that have a column."""
        return tuple(role for role in self.roles if role in _TOLD)

    def role(self, row: Fields, name: str) -> tuple[str, Any]:
        """Name and value of the first non-empty column of a role; ``("", None)`` if there is none."""
        return first_of(row, self.roles.get(name, ()))
