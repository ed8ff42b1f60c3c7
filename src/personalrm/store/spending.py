"""What a space has spent at its model's endpoint, by day, and whether its budget lets it go on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func

from personalrm.profile.spend import Spend
from personalrm.store.schema import spend
from personalrm.store.scope import SpaceTables


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls, tokens and US dollars of some days."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0


class Spending(SpaceTables):
    """Of one space."""

    def book(self, cost: Spend) -> None:
        """Add what a fit or a prediction cost to today; an unknown cost counts as nothing."""
        tokens = cost.prompt_tokens + cost.completion_tokens
        row = {"day": _day(time.time()), "calls": cost.calls, "tokens": tokens, "cost": cost.cost or 0.0}
        more = {name: spend.c[name] + row[name] for name in ("calls", "tokens", "cost")}
        with self._write(durable=False) as scope:
            scope.upsert(spend, row, ("space_id", "day"), more)

    def this_month(self) -> Spent:
        """Since the first of this month, in UTC."""
        month = _day(time.time())[:8]
        sums = (func.sum(spend.c.calls), func.sum(spend.c.tokens), func.sum(spend.c.cost))
        with self._read() as scope:
            row = scope.first(scope.select(spend, *sums).where(spend.c.day >= f"{month}01"))
        return Spent(*(one or 0 for one in row)) if row is not None else Spent()

    def days(self, limit: int = 31) -> list[tuple[str, Spent]]:
        """Newest first."""
        with self._read() as scope:
            rows = scope.all(scope.select(spend).order_by(spend.c.day.desc()).limit(limit))
        return [(row.day, Spent(row.calls, row.tokens, row.cost)) for row in rows]


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
