"""Which of a person's choices count, and which changes of taste they keep: carried from version to version.

A person who returns to an earlier taste leaves out the choices that were made since it changed; what they choose from
then on counts. It is stored with each version of the profile, so that learning goes on from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import orjson

from personalrm.store.schema import choices, profiles
from personalrm.store.scope import Scope


@dataclass(frozen=True, slots=True)
class Counting:
    """What the person decided about changes of taste.

    Attributes:
        left_out: ranges (first, last) of numbers of choices that are learned from no more, in order.
        kept: ids of the first choices after changes of taste that the person keeps.
    """

    left_out: tuple[tuple[int, int], ...] = ()
    kept: tuple[str, ...] = ()

    def counts(self, number: int) -> bool:
        """Whether the choice of that number is learned from."""
        return not any(first <= number <= last for first, last in self.left_out)

    def without(self, gone: Collection[int], everything: Iterable[int]) -> Counting:
        """With these choices left out as well; ``everything`` is the numbers of all choices of the person."""
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
        """With every choice counting again."""
        return Counting((), self.kept)

    def keeping(self, change: str) -> Counting:
        """With the change that begins with this choice kept."""
        return Counting(self.left_out, tuple(dict.fromkeys([*self.kept, change])))


ALL = Counting()
"""Every choice counts."""


def dumped(counting: Counting) -> str:
    """As it is stored."""
    return orjson.dumps({"left_out": counting.left_out, "kept": counting.kept}).decode()


def loaded(text: str) -> Counting:
    """What `dumped` wrote."""
    found = orjson.loads(text)
    ranges = tuple((int(first), int(last)) for first, last in found.get("left_out", ()))
    return Counting(ranges, tuple(found.get("kept", ())))


def counting_of(scope: Scope, person_id: int) -> Counting:
    """Of the version that was put in use last; everything counts before there is one."""
    mine = profiles.c.person_id == person_id, profiles.c.state == "active"
    text = scope.value(scope.select(profiles, profiles.c.counting).where(*mine))
    return ALL if text is None else loaded(text)


def numbers_of(scope: Scope, person_id: int) -> list[int]:
    """Of all choices of a person, the forgotten ones too."""
    return [row.id for row in scope.all(scope.select(choices, choices.c.id).where(choices.c.person_id == person_id))]
