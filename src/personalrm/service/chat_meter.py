"""Counts the upstream calls of chats per space and enforces the space's monthly budget.

A chat must not wait for the database: counts are kept in memory, written every second, and read again every few
seconds. Several services on one database can therefore exceed a budget by their usage of these seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from personalrm.errors import BudgetSpent
from personalrm.store.spending import Spent
from personalrm.store.store import SpaceSettings, SpaceStore, Store

LOOK_S = 5.0
_CHARACTERS_A_TOKEN = 4


class _Usage:
    """Usage of one space: what the database has, and what is not written yet."""

    def __init__(self) -> None:
        self.settings, self.spent = SpaceSettings(), Spent()
        self.looked = -LOOK_S
        self.chats = self.tokens = 0


class ChatMeter:
    """See the module's docstring. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._used: dict[int, _Usage] = {}
        self._spaces: dict[int, SpaceStore] = {}
        self._lock = threading.Lock()

    def is_stale(self, space: SpaceStore) -> bool:
        """Whether the usage known for the space is more than a few seconds old."""
        return time.monotonic() - self._of(space).looked >= LOOK_S

    def refresh(self, space: SpaceStore) -> None:
        """Read the space's budget and its usage by all services."""
        settings, spent = self._store.settings(space), space.spending.this_month()
        with self._lock:
            used = self._of(space)
            used.settings, used.spent, used.looked = settings, spent, time.monotonic()

    def check(self, space: SpaceStore) -> None:
        """BudgetSpent if the month's budget is used up."""
        used = self._of(space)
        limits = (
            ("answers", used.settings.max_chats, used.spent.chats + used.chats),
            ("tokens", used.settings.max_chat_tokens, used.spent.chat_tokens + used.tokens),
        )
        for what, most, so_far in limits:
            if most is not None and so_far >= most:
                raise BudgetSpent(f"this month's {most} {what} of chats of the space '{space.name}' are used")

    def book(self, space: SpaceStore, answers: int, tokens: int) -> None:
        """Count this many upstream answers and tokens."""
        with self._lock:
            used = self._of(space)
            used.chats += answers
            used.tokens += tokens

    def flush(self) -> None:
        """Write the counts to the database. On StorageError they stay in memory until the next call."""
        for number, used in list(self._used.items()):
            with self._lock:
                chats, tokens = used.chats, used.tokens
            if not chats:
                continue
            self._spaces[number].spending.book_chats(chats, tokens)
            with self._lock:
                used.chats -= chats
                used.tokens -= tokens
                used.spent = Spent(
                    used.spent.calls,
                    used.spent.tokens,
                    used.spent.cost,
                    used.spent.chats + chats,
                    used.spent.chat_tokens + tokens,
                )

    def _of(self, space: SpaceStore) -> _Usage:
        found = self._used.get(space.id)
        if found is None:
            self._spaces[space.id] = space
            found = self._used.setdefault(space.id, _Usage())
        return found


def tokens_of(body: Mapping[str, Any], found: Mapping[str, Any]) -> int:
    """Tokens as the upstream reports them, else estimated from the lengths of the texts."""
    usage = found.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    if isinstance(total, int) and not isinstance(total, bool) and 0 <= total < 2**40:
        return total
    texts = [
        one["message"].get("content")
        for one in found["choices"]
        if isinstance(one, dict) and isinstance(one.get("message"), dict)
    ]
    return estimated(body, [one for one in texts if isinstance(one, str)])


def estimated(body: Mapping[str, Any], texts: Sequence[str]) -> int:
    """Estimated tokens of a request and its answers: four characters per token."""
    asked = [one.get("content") for one in body["messages"]]
    characters = sum(len(one) for one in (*asked, *texts) if isinstance(one, str))
    return -(-characters // _CHARACTERS_A_TOKEN)
