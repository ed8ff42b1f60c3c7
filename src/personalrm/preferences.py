"""What a choice is: messages, one preference of one person, and that person's history.

Everything else in the package is a function over these frozen records.

    pair = Preference(id="1", user="ada", group="1", context=(Message("user", "Hi"),), chosen="Hello!", rejected="?")
    first, second = pair.shown(seed=0)      # which response is shown first never depends on the label
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal

Side = Literal["a", "b"]
Part = Literal["context", "target"]

ME = "me"
"""Whose the choices are where nobody is named."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. ``role`` is usually system, user or assistant; others are kept as they are."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Preference:
    """One pairwise choice of one person.

    Attributes:
        id: unique within a data set; never made from the label.
        user: whose choice it is.
        group: choices that share text share a group; a split keeps a group on one side.
        context: the conversation before the responses, oldest first; may be empty.
        chosen: the response the person preferred (either one if ``tie``).
        rejected: the other response.
        tie: the person found both equally good; kept and marked, never scored as right or wrong.
        domain: topic or conversation type, if known.
        time: when the choice was made, ISO 8601 in UTC, if known.
        demographics: what the data set says about the person, as text, if anything.
        reason: the person's own words on why, if given.
        judges: for cached verdicts of LLM judges, whether each was right on this pair.
        margin: gap between the ratings the choice was derived from, if it was.
        split: what a benchmark fixed this choice for: to learn from (``context``) or to be predicted (``target``).
        stated: what the person says of themselves, by name: texts (``self_description``, ``system_string``) and how
            much they say they care for something, 0–100 (``factuality``: 80.0). To compare with, for no prompt.
    """

    id: str
    user: str
    group: str
    context: tuple[Message, ...]
    chosen: str
    rejected: str
    tie: bool = False
    domain: str | None = None
    time: str | None = None
    demographics: str | None = None
    reason: str | None = None
    judges: Mapping[str, bool] = field(default_factory=dict)
    margin: float | None = None
    split: Part | None = None
    stated: Mapping[str, str | float] = field(default_factory=dict)

    def chosen_first(self, seed: int = 0) -> bool:
        """Whether the chosen response is shown first.

        A hash of id and seed draws whether the alphabetically smaller *text* comes first, so the texts stand in the
        same order whatever the label is: a flipped pair makes the very same prompt with the opposite answer.
        """
        smaller_first = blake2b(f"{seed}\0{self.id}".encode(), digest_size=1).digest()[0] & 1 == 0
        return (self.chosen < self.rejected) == smaller_first

    def shown(self, seed: int = 0) -> tuple[str, str]:
        """The two responses in the order in which they are shown."""
        pair = (self.chosen, self.rejected)
        return pair if self.chosen_first(seed) else (pair[1], pair[0])

    def preferred_side(self, seed: int = 0) -> Side:
        """Which of the two shown responses (``a`` is the first) the person preferred."""
        return "a" if self.chosen_first(seed) else "b"

    def flipped(self) -> Preference:
        """The same pair with the opposite label (for causal checks)."""
        return replace(self, chosen=self.rejected, rejected=self.chosen)


@dataclass(frozen=True, slots=True)
class History:
    """All choices of one person, oldest first."""

    user: str
    choices: tuple[Preference, ...]

    def __len__(self) -> int:
        return len(self.choices)

    def __iter__(self) -> Iterator[Preference]:
        return iter(self.choices)

    @property
    def decided(self) -> tuple[Preference, ...]:
        """The choices that are no ties."""
        return tuple(one for one in self.choices if not one.tie)

    def only(self, choices: Iterable[Preference]) -> History:
        """The same person with other choices."""
        return History(self.user, tuple(choices))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A prediction for one pair, both orders combined.

    Attributes:
        probability: that response ``a`` is preferred, in [0, 1]; None if unscored.
        reasoning: why, if the judge wrote it.
        unscored: why there is no probability; None if there is one. Unscored is neither wrong nor a tie.
    """

    probability: float | None
    reasoning: str | None = None
    unscored: str | None = None

    @property
    def prefers(self) -> Side | None:
        """The preferred side; None if unscored or exactly even."""
        if self.probability is None or self.probability == 0.5:
            return None
        return "a" if self.probability > 0.5 else "b"
