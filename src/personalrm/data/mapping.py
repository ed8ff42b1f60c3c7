"""What the user says of a file's columns: the option `--columns`, and ``columns=`` in Python.

    Columns.parse("prompt=question,chosen=better,rejected=worse,user=annotator")
    Columns.parse("a=answer1,b=answer2,winner=BetterAnswer,winner.0=a,winner.1=b,winner.2=tie")
    Columns.parse("prompt=title+body,id=-")         # two columns make the prompt; no column is the id

``winner.VALUE=SIDE`` says what a value of the winner column means; ``winner.<3=a`` and ``winner.>3=b`` do for a scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from personalrm.data.columns import ROLES
from personalrm.errors import DataError

ASSIGNABLE = tuple(name for name in ROLES if name not in ("status", "model", "ranking", "weight", "as_written"))
NO_COLUMN = "-"
_SIDES = frozenset("abcdefghijklmnopqrstuvwxyz")
_WAY = "write ROLE=COLUMN pairs, as in prompt=question,chosen=better,rejected=worse,user=annotator"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what.

    Attributes:
        roles: for a role of `columns.ROLES`, the file's columns; none: the role is not filled.
        sides: the columns of the responses to choose from, by letter (``a``, ``b``, …).
        values: what values of the winner column mean: a letter, or ``tie``.
    """

    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sides: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.roles or self.sides or self.values)

    @property
    def say_what_was_chosen(self) -> bool:
        """Whether they name the responses, so that the file is in no format but the user's own."""
        return bool(self.sides) or any(self.roles.get(role) for role in ("chosen", "rejected", "responses", "response"))

    @classmethod
    def parse(cls, given: str | Mapping[str, str] | Columns | None) -> Columns:
        """From the option's text or from a mapping of roles to columns.

        Raises:
            DataError: no such role, or a pair that cannot be read.
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
                raise DataError(f"--columns: '{role}' is no role; roles are a, b, …, {', '.join(ASSIGNABLE)}")
        if len(sides) == 1:
            raise DataError("--columns: one response alone cannot be chosen from: name a and b")
        return cls(roles, dict(sorted(sides.items())), values)


def _pairs(text: str) -> list[tuple[str, str]]:
    found = []
    for pair in filter(str.strip, text.split(",")):
        role, equals, column = pair.partition("=")
        if role.strip().startswith("winner.") and role.strip()[-1:] in ("<", ">"):  # winner.<=3 is no such thing
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
