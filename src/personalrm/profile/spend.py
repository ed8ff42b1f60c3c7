"""Cost of a fit: calls, tokens, US dollars and seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spend:
    """Usage of a fit; cached answers are not counted as calls. ``cost`` in US dollars, None if prices are unknown."""

    calls: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0

    def __add__(self, other: Spend) -> Spend:
        """The sum; the cost is None if either cost is."""
        known = self.cost is not None and other.cost is not None
        return Spend(
            self.calls + other.calls,
            self.cached + other.cached,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            (self.cost or 0.0) + (other.cost or 0.0) if known else None,
            self.seconds + other.seconds,
        )
