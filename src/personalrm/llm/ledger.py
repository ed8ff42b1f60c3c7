"""What a run spends, and the limits at which it stops.

A call is counted when it is sent (its retries are the same call) and its tokens when the answer is there, whether or
not the answer can be parsed. `--max-cost` counts, besides what is paid, an estimate for the calls in flight: what they
cost at most, times how much of that the answers so far took. So a full endpoint overshoots by cents at most, also with
its first burst, of which nothing is answered yet.

    ledger.reserve(prices.most(prompt_characters=6000, max_tokens=300)); …; ledger.record(completion)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from personalrm.errors import BudgetSpent, DataError
from personalrm.llm.endpoint import Completion
from personalrm.llm.wire import CHARACTERS_A_TOKEN
from personalrm.renamed import renamed

HIGHEST_PRICE = 1e6
"""Dollars per million tokens; a hundred times what the dearest model has cost."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens; ``cached_prompt`` is the discounted price of cached prompt tokens."""

    prompt: float
    completion: float
    cached_prompt: float | None = None

    @classmethod
    def parse(cls, text: str) -> Prices:
        """Prices from ``IN,OUT`` or ``IN,OUT,CACHED``, dollars per million tokens."""
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
        """Dollars for one answer."""
        cached = min(completion.cached_tokens, completion.prompt_tokens) if self.cached_prompt is not None else 0
        fresh = completion.prompt_tokens - cached
        dollars = fresh * self.prompt + completion.completion_tokens * self.completion
        return (dollars + cached * (self.cached_prompt or 0.0)) / 1e6

    def most(self, prompt_characters: int, max_tokens: int) -> float:
        """About the most dollars that one call can cost."""
        return (prompt_characters / CHARACTERS_A_TOKEN * self.prompt + max_tokens * self.completion) / 1e6


@dataclass(slots=True)
class Budget:
    """Counts calls, tokens and cost of a run, and refuses the call that would pass a limit.

    Attributes:
        prices: to compute the cost where the host does not bill it; None if unknown.
        max_calls, max_cost: limits; None is unlimited. ``max_cost`` is in US dollars.
        refused: questions that the host would not answer: too long for the model, or stopped by its content filter.
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
        """Count a call that is about to be sent and costs this at most; BudgetSpent if a limit forbids it."""
        if self.max_calls is not None and self.calls >= self.max_calls:
            raise BudgetSpent(f"the limit of {self.max_calls} calls (--max-calls) is used up")
        if self.max_cost is not None:
            self._check_cost(self.max_cost, most)
        self.calls += 1
        self.in_flight += 1
        self._most_in_flight += most

    def record(self, completion: Completion, most: float = 0.0) -> None:
        """Book an answer that arrived; ``most`` as it was reserved."""
        self.failed(most)
        self._most_answered += most
        self.prompt_tokens += completion.prompt_tokens
        self.completion_tokens += completion.completion_tokens
        self.cached_tokens += completion.cached_tokens
        self.cost += completion.cost or 0.0

    def failed(self, most: float = 0.0) -> None:
        """A call ended without an answer; ``most`` as it was reserved."""
        self.in_flight -= 1
        self._most_in_flight -= most

    def price(self, completion: Completion) -> float | None:
        """What the answer cost: the larger of the host's bill and our prices; None if neither is known.

        A host that bills nothing, or counts too little, cannot switch a limit off.
        """
        known = [completion.cost] if completion.cost is not None and 0 <= completion.cost < math.inf else []
        if self.prices is not None:
            known.append(self.prices.cost(completion))
        return max(known, default=None)

    def _check_cost(self, limit: float, most: float) -> None:
        if self._most_answered > 0:
            on_the_way = self._most_in_flight * self.cost / self._most_answered
        elif self.in_flight and not most:  # no prices: the host bills, and the first bill is not here yet
            on_the_way = self.in_flight * self.cost / max(1, self.calls - self.in_flight)
        else:
            on_the_way = self._most_in_flight
        if not self.cost + on_the_way < limit:  # NaN is below nothing
            spent = f"${self.cost:.4f} spent, {self.in_flight} calls on their way"
            raise BudgetSpent(f"the limit of ${limit:g} (--max-cost) is used up: {spent}")


__getattr__ = renamed(__name__, {"Ledger": "Budget"})
