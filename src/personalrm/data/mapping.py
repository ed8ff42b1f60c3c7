"""The user's mapping of a file's columns to roles: the option `--columns`, and ``columns=`` in Python.

    Columns.parse("prompt=question,chosen=better,rejected=worse,user=annotator")
    Columns.parse("a=answer1,b=answer2,winner=BetterAnswer,winner.0=a,winner.1=b,winner.2=tie")
    Columns.parse("prompt=title+body,id=-")         # the prompt is in two columns; there is no id column

``winner.VALUE=SIDE`` gives the meaning of a value in the winner column; for a scale use ``winner.<3=a`` and
``winner.>3=b``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from personalrm.data.columns import ROLES
from personalrm.errors import DataError

ASSIGNABLE = tuple(
    name for name in ROLES if name not in ("asked", "status", "model", "ranking", "weight", "as_written")
)
NO_COLUMN = "-"
_SIDES = frozenset("abcdefghijklmnopqrstuvwxyz")
_WAY = "write ROLE=COLUMN pairs, as in prompt=question,chosen=better,rejected=worse,user=annotator"


@dataclass(frozen=True, slots=True)
class Columns:
    """A mapping of columns.

    Attributes:
        roles: the file's columns for roles of `columns.ROLES`; an empty tuple means no column.
        sides: the columns of the responses, by letter (``a``, ``b``, …).
        values: meaning of values in the winner column: a letter, or ``tie``.
    """

    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sides: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.roles or self.sides or self.values)

    @property
    def say_what_was_chosen(self) -> bool:
        """Whether the mapping names the response columns, so that no known format is tried."""
        return bool(self.sides) or any(self.roles.get(role) for role in ("chosen", "rejected", "responses", "response"))

    def replaced(self, roles: Collection[str], **given: str) -> Columns:
        """The mapping with the ``given`` roles instead of these; the mapping itself if it has none of these."""
        kept = {role: columns for role, columns in self.roles.items() if role not in roles}
        if kept == self.roles:
            return self
        return replace(self, roles=kept | {role: (column,) for role, column in given.items()})

    @classmethod
    def parse(cls, given: str | Mapping[str, str] | Columns | None) -> Columns:
        """Parse the option's text, or a mapping of roles to columns.

        Raises:
            DataError: an unknown role, or a pair that cannot be parsed.
        """
        if isinstance(given, Columns):
            return given
        pairs = given.items() if isinstance(given, Mapping) else _pairs(given or "")
        roles: dict[str, tuple[str, ...]] = {}
        sides: dict[str, str] = {}
        values: dict[str, str] = {}
        for role, column in pairs:
            name = role.strip().lower()
            if name.startswith("winner."):
                values[role.strip()[len("winner.") :].strip().lower()] = _side(column)
            elif name in _SIDES:
                sides[name] = column.strip()
            elif name in ASSIGNABLE:
                listed = (one.strip() for one in column.split("+"))
                roles[name] = () if column.strip() in ("", NO_COLUMN) else tuple(listed)
            else:
                raise DataError(f"--columns: unknown role '{role}'; roles: a, b, …, {', '.join(ASSIGNABLE)}")
        if len(sides) == 1:
            raise DataError("--columns: expected at least two responses (a=…,b=…), found one")
        return cls(roles, dict(sorted(sides.items())), values)


def _pairs(text: str) -> list[tuple[str, str]]:
    found = []
    for pair in filter(str.strip, text.split(",")):
        role, equals, column = pair.partition("=")
        if role.strip().startswith("winner.") and role.strip()[-1:] in ("<", ">"):  # winner.<=3 is not supported
            raise DataError(f"--columns: found '{pair[:60]}'; {_WAY}")
        if not equals or not role.strip():
            raise DataError(f"--columns: found '{pair[:60]}'; {_WAY}")
        found.append((role, column))
    return found


def _side(value: str) -> str:
    name = value.strip().lower()
    if name not in _SIDES and name != "tie":
        raise DataError(f"--columns: winner.VALUE must be a side (a, b, …) or tie, found '{value}'")
    return name
