"""The account of the curation: how many people, conversations and pairs are left after each step, and why others went.

steps = [step("user filter", kept, {"too few pairs": 12})]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from personalrm.preferences import History


@dataclass(frozen=True, slots=True)
class Count:
    """``conversations`` are groups: those of one person that open with the same message count once."""

    users: int
    conversations: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Step:
    """What is left after a step, and how many pairs or people went for which reason."""

    name: str
    left: Count
    removed: Mapping[str, int] = field(default_factory=dict)


def count(people: Iterable[History]) -> Count:
    """People with at least one choice, their conversations and choices."""
    users = conversations = pairs = 0
    for one in people:
        users += len(one) > 0
        conversations += len({choice.group for choice in one})
        pairs += len(one)
    return Count(users, conversations, pairs)


def step(name: str, people: Iterable[History], removed: Mapping[str, int] | None = None) -> Step:
    """The step with what is left now."""
    return Step(name, count(people), {why: number for why, number in (removed or {}).items() if number})
