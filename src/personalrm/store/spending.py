"""Spend of a space at its model's endpoint, by day, for its budget."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from sqlalchemy import func

from personalrm.profile.spend import Spend
from personalrm.store.schema import spend
from personalrm.store.scope import SpaceTables


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls, tokens and US dollars for learning and predicting; answers and tokens of chats."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    chats: int = 0
    chat_tokens: int = 0


class Spending(SpaceTables):
    """The spend of one space."""

    def book(self, cost: Spend) -> None:
        """Add the cost of a fit or a prediction to today; an unknown cost counts as zero."""
        tokens = cost.prompt_tokens + cost.completion_tokens
        self._add({"calls": cost.calls, "tokens": tokens, "cost": cost.cost or 0.0})

    def book_chats(self, chats: int, tokens: int) -> None:
        """Add the chat answers of the upstream, and their tokens, to today."""
        self._add({"chats": chats, "chat_tokens": tokens})

    def _add(self, more: Mapping[str, int | float]) -> None:
        row = {"day": _day(time.time()), **more}
        with self._write(durable=False) as scope:
            scope.upsert(spend, row, ("space_id", "day"), {name: spend.c[name] + value for name, value in more.items()})

    def this_month(self) -> Spent:
        """Spend since the first of this month, in UTC."""
        month = _day(time.time())[:8]
        sums = [func.sum(spend.c[one.name]) for one in fields(Spent)]
        with self._read() as scope:
            row = scope.first(scope.select(spend, *sums).where(spend.c.day >= f"{month}01"))
        if row is None:
            return Spent()
        calls, tokens, cost, chats, chat_tokens = (one or 0 for one in row)  # PostgreSQL's sum of integers is a decimal
        return Spent(int(calls), int(tokens), float(cost), int(chats), int(chat_tokens))

    def days(self, limit: int = 31) -> list[tuple[str, Spent]]:
        """Spend by day, newest first."""
        with self._read() as scope:
            rows = scope.all(scope.select(spend).order_by(spend.c.day.desc()).limit(limit))
        return [(row.day, Spent(*(getattr(row, one.name) for one in fields(Spent)))) for row in rows]


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
