"""Counts of users, conversations and pairs after each step, and the reasons of removal.

steps = [step("user filter", kept, {"too few pairs": 12})]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from personalrm.preferences import History


@dataclass(frozen=True, slots=True)
class Count:
    """Numbers of users, conversations and pairs. One user's conversations with the same first message count once."""

    users: int
    conversations: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Step:
    """The counts after a step, and the number of removed pairs or users by reason."""

    name: str
    left: Count
    removed: Mapping[str, int] = field(default_factory=dict)


def count(people: Iterable[History]) -> Count:
    """Return the numbers of users with at least one choice, of their conversations and choices."""
    users = conversations = pairs = 0
    for one in people:
        users += len(one) > 0
        conversations += len({choice.group for choice in one})
        pairs += len(one)
    return Count(users, conversations, pairs)


def step(name: str, people: Iterable[History], removed: Mapping[str, int] | None = None) -> Step:
    """Return the step with the current counts."""
    return Step(name, count(people), {why: number for why, number in (removed or {}).items() if number})
