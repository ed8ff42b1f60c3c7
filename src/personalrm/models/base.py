"""The seam: whatever predicts a person's choices is an `Engine`, and what it predicts with is a `Predictor`.

    engine = engine_named("traits")                        # see `registry`
    profile = await engine.fit(history)
    predictor = await engine.open(profile)                 # kept and reused by `Client`
    await predictor.compare(context, a, b)                 # Verdict

Everything is awaited. Computing happens in a worker thread, asking in the package's own event loop: no call holds up
the caller's loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from personalrm.formatting.notebook import html_table
from personalrm.preferences import History, Message, Pair, Verdict
from personalrm.profile.options import VerdictMode
from personalrm.profile.records import Profile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from personalrm.models.uncertainty import MarginPosterior

Item = tuple[Sequence[Message], str]
"""A conversation and one response to it."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """n responses to one context, ranked.

    Attributes:
        order: positions of the responses, best first.
        strengths: Bradley–Terry log-odds by position, mean zero.
        compared: pairs that were compared; ``unscored`` of them gave no readable verdict.
    """

    order: tuple[int, ...]
    strengths: tuple[float, ...]
    compared: int
    unscored: int = 0

    def _repr_html_(self) -> str:
        rows = [(str(place), str(one), f"{self.strengths[one]:+.3f}") for place, one in enumerate(self.order, 1)]
        return html_table("Ranking", ("place", "response", "log-odds"), rows)

    @classmethod
    def of_scores(cls, scores: Sequence[float], compared: int = 0, unscored: int = 0) -> Ranking:
        """From strengths (n,) in log-odds; of equals the earlier comes first."""
        mean = math.fsum(scores) / len(scores)
        order = tuple(sorted(range(len(scores)), key=lambda i: (-scores[i], i)))
        return cls(order, tuple(float(one) - mean for one in scores), compared, unscored)


class Predictor(Protocol):
    """Predicts one person's choices."""

    async def compare(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "reasoned") -> Verdict:
        """Which response the person prefers: a probability from both orders, and why; or unscored, and why."""
        ...

    async def compare_many(self, pairs: Sequence[Pair], verdicts: VerdictMode = "token") -> list[Verdict]:
        """A verdict for each pair, in order."""
        ...

    async def score(self, context: Sequence[Message], response: str) -> float | None:
        """How much the person likes one response, as log-odds; None if unscored."""
        ...

    async def score_many(self, context: Sequence[Message], responses: Sequence[str]) -> list[float | None]:
        """A score for each response, in order."""
        ...

    async def rank(
        self, context: Sequence[Message], responses: Sequence[str], verdicts: VerdictMode = "token"
    ) -> Ranking:
        """At least one response, best first."""
        ...


class UncertainPredictor(Predictor, Protocol):
    """A predictor that also says how unsure it is of the person."""

    async def posterior(self, pairs: Sequence[Pair]) -> MarginPosterior:
        """Joint posterior of the margins of at least one pair."""
        ...


class Engine(Protocol):
    """Learns profiles and predicts from them."""

    @property
    def scalar(self) -> bool:
        """Whether scores are Bradley–Terry strengths: differences within a conversation are log-odds."""
        ...

    @property
    def has_uncertainty(self) -> bool:
        """Whether its predictors are `UncertainPredictor`."""
        ...

    @property
    def asks_endpoint(self) -> bool:
        """Whether it asks a language model, so that predictions cost money and seconds."""
        ...

    async def fit(self, history: History, known: Profile | None = None) -> Profile:
        """Learn one person's profile.

        Args:
            history: the person's choices, oldest first.
            known: an earlier profile of the same person; what still applies of it is reused.

        Raises:
            NotEnoughChoices: no choice that is not a tie.
        """
        ...

    async def open(self, profile: Profile) -> Predictor:
        """What predicts for the person of this profile. ProfileError if this engine cannot use it."""
        ...

    async def open_population(self, profile: Profile) -> Predictor:
        """What predicts for people in general by this profile's prior, without the person's own choices."""
        ...


class LocalModel(Protocol):
    """A model that computes here; before `fit` it predicts people in general."""

    def fit(self, history: History) -> LocalModel:
        """The same model for one person; the receiver stays as it is."""
        ...

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Which response the person prefers; the two orders sum to one."""
        ...

    def compare_many(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Probabilities (n,) that the first response of each pair is preferred."""
        ...


class ScalarModel(LocalModel, Protocol):
    """One whose scores are Bradley–Terry strengths."""

    def fit(self, history: History) -> ScalarModel:
        """The same model for one person; the receiver stays as it is."""
        ...

    def scores(self, items: Sequence[Item]) -> NDArray[np.float64]:
        """How much the person likes each response (n,): log-odds, to be compared within a conversation."""
        ...
