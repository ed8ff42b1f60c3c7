"""Which choices of a person count, and which changes of taste they confirmed; kept across profile versions.

A person who returns to an earlier taste excludes the choices made since the change; later choices count. The decision
is stored with each profile version, so that learning continues from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import orjson

from personalrm.store.schema import choices, profiles
from personalrm.store.scope import Scope


@dataclass(frozen=True, slots=True)
class Counting:
    """The person's decisions about changes of taste.

    Attributes:
        left_out: ranges (first, last) of numbers of excluded choices, in order.
        kept: ids of the first choices after the changes of taste that the person confirmed.
    """

    left_out: tuple[tuple[int, int], ...] = ()
    kept: tuple[str, ...] = ()

    def counts(self, number: int) -> bool:
        """Whether the choice of that number counts."""
        return not any(first <= number <= last for first, last in self.left_out)

    def without(self, gone: Collection[int], everything: Iterable[int]) -> Counting:
        """The result of also excluding these choices; ``everything`` is the numbers of all choices of the person."""
        ranges: list[tuple[int, int]] = []
        is_open = False
        for number in sorted(everything):
            is_out = number in gone or not self.counts(number)
            if is_out and is_open:
                ranges[-1] = ranges[-1][0], number
            elif is_out:
                ranges.append((number, number))
            is_open = is_out
        return Counting(tuple(ranges), self.kept)

    def with_all(self) -> Counting:
        """The result of counting every choice again."""
        return Counting((), self.kept)

    def keeping(self, change: str) -> Counting:
        """The result of confirming the change that starts with this choice."""
        return Counting(self.left_out, tuple(dict.fromkeys([*self.kept, change])))


ALL = Counting()
"""No choice is excluded."""


def dumped(counting: Counting) -> str:
    """The stored form, as JSON."""
    return orjson.dumps({"left_out": counting.left_out, "kept": counting.kept}).decode()


def loaded(text: str) -> Counting:
    """The inverse of `dumped`."""
    found = orjson.loads(text)
    ranges = tuple((int(first), int(last)) for first, last in found.get("left_out", ()))
    return Counting(ranges, tuple(found.get("kept", ())))


def counting_of(scope: Scope, person_id: int) -> Counting:
    """The decisions stored with the version put in use last; all choices count before the first version."""
    mine = profiles.c.person_id == person_id, profiles.c.state == "active"
    text = scope.value(scope.select(profiles, profiles.c.counting).where(*mine))
    return ALL if text is None else loaded(text)


def numbers_of(scope: Scope, person_id: int) -> list[int]:
    """Numbers of all choices of a person, including forgotten ones."""
    return [row.id for row in scope.all(scope.select(choices, choices.c.id).where(choices.c.person_id == person_id))]
