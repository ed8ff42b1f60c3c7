"""Usage of a run, and the limits that stop it.

A call is counted when it is sent (its retries are the same call), its tokens when it is answered, whether or not the
answer can be parsed. `--max-cost` includes an estimate for the calls in flight: their maximum cost times the share of
the maximum that previous answers used. So a full endpoint exceeds the limit by cents at most, also in its first burst,
before any answer.

    budget.reserve(prices.most(prompt_characters=6000, max_tokens=300)); …; budget.record(completion)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from personalrm.errors import BudgetSpent, DataError
from personalrm.llm.endpoint import Completion
from personalrm.llm.wire import CHARACTERS_A_TOKEN
from personalrm.renamed import renamed

HIGHEST_PRICE = 1e6
"""Maximum price in dollars per million tokens; a hundred times the most expensive model so far."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens; ``cached_prompt`` is the price of cached prompt tokens."""

    prompt: float
    completion: float
    cached_prompt: float | None = None

    @classmethod
    def parse(cls, text: str) -> Prices:
        """Parse ``IN,OUT`` or ``IN,OUT,CACHED``, in dollars per million tokens. DataError if it is something else."""
        try:
            values = [float(part) for part in text.split(",")]
        except ValueError:
            values = []
        if len(values) not in (2, 3) or not all(0 <= value <= HIGHEST_PRICE for value in values):
            raise DataError(
                f"--prices: expected IN,OUT or IN,OUT,CACHED in dollars per million tokens, found '{text[:60]}'"
            )
        return cls(*values)

    def cost(self, completion: Completion) -> float:
        """Return the cost of one answer in dollars."""
        cached = min(completion.cached_tokens, completion.prompt_tokens) if self.cached_prompt is not None else 0
        fresh = completion.prompt_tokens - cached
        dollars = fresh * self.prompt + completion.completion_tokens * self.completion
        return (dollars + cached * (self.cached_prompt or 0.0)) / 1e6

    def most(self, prompt_characters: int, max_tokens: int) -> float:
        """Return the approximate maximum cost of one call in dollars."""
        return (prompt_characters / CHARACTERS_A_TOKEN * self.prompt + max_tokens * self.completion) / 1e6


@dataclass(slots=True)
class Budget:
    """Counts calls, tokens and cost of a run, and refuses calls beyond a limit.

    Attributes:
        prices: used if the host does not report the cost; None if unknown.
        max_calls, max_cost: limits; None is unlimited. ``max_cost`` is in US dollars.
        refused: requests that the host refused: too long for the model, or stopped by its content filter.
        cut: answers that stayed cut off.
    """

    prices: Prices | None = None
    max_calls: int | None = None
    max_cost: float | None = None
    calls: int = 0
    in_flight: int = 0
    from_cache: int = 0
    refused: int = 0
    cut: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    _most_in_flight: float = 0.0
    _most_answered: float = 0.0

    def reserve(self, most: float = 0.0) -> None:
        """Count a call that is about to be sent, with its maximum cost; BudgetSpent if it would exceed a limit."""
        if self.max_calls is not None and self.calls >= self.max_calls:
            raise BudgetSpent(f"the limit of {self.max_calls} calls (--max-calls) is used up")
        if self.max_cost is not None:
            self._check_cost(self.max_cost, most)
        self.calls += 1
        self.in_flight += 1
        self._most_in_flight += most

    def record(self, completion: Completion, most: float = 0.0) -> None:
        """Book an answer; ``most`` is the reserved cost."""
        self.failed(most)
        self._most_answered += most
        self.prompt_tokens += completion.prompt_tokens
        self.completion_tokens += completion.completion_tokens
        self.cached_tokens += completion.cached_tokens
        self.cost += completion.cost or 0.0

    def failed(self, most: float = 0.0) -> None:
        """Book a call that ended without an answer; ``most`` is the reserved cost."""
        self.in_flight -= 1
        self._most_in_flight -= most

    def price(self, completion: Completion) -> float | None:
        """Return the cost of the answer: the larger of the host's bill and our prices; None if neither is known.

        So a host that reports no cost, or too little, cannot disable a limit.
        """
        billed = completion.cost if completion.cost is not None and 0 <= completion.cost < math.inf else None
        if self.prices is None:
            return billed
        priced = self.prices.cost(completion)
        return priced if billed is None else max(billed, priced)

    def _check_cost(self, limit: float, most: float) -> None:
        if self._most_answered > 0:
            on_the_way = self._most_in_flight * self.cost / self._most_answered
        elif self.in_flight and not most:  # no prices, and no bill of the host yet
            on_the_way = self.in_flight * self.cost / max(1, self.calls - self.in_flight)
        else:
            on_the_way = self._most_in_flight
        if not self.cost + on_the_way < limit:  # also true for NaN
            spent = f"${self.cost:.4f} spent, {self.in_flight} calls in flight"
            raise BudgetSpent(f"the limit of ${limit:g} (--max-cost) is used up: {spent}")


__getattr__ = renamed(__name__, {"Ledger": "Budget"})
