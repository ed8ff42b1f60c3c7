"""The interface of models: an `Engine` fits profiles and opens them as a `Predictor`, which predicts.

    engine = engine_named("traits")                        # see `registry`
    profile = await engine.fit(history)
    predictor = await engine.open(profile)                 # cached by `Client`
    await predictor.compare(context, a, b)                 # Verdict

All calls are awaited. Computing runs in a worker thread, requests to a model in the package's own event loop, so no
call blocks the caller's loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from personalrm.formatting.notebook import html_table
from personalrm.formatting.numbers import signed
from personalrm.preferences import History, Message, Pair, Verdict
from personalrm.profile.options import VerdictMode
from personalrm.profile.records import Profile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


Item = tuple[Sequence[Message], str]
"""A conversation and one response to it."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """A ranking of n responses to one context.

    Attributes:
        order: positions of the responses, best first.
        strengths: Bradley–Terry log-odds by position, mean zero.
        compared: number of compared pairs; ``unscored`` is the number of pairs without a readable verdict.
        unscored_reason: the most frequent reason of these; None if all have a verdict.
    """

    order: tuple[int, ...]
    strengths: tuple[float, ...]
    compared: int
    unscored: int = 0
    unscored_reason: str | None = None

    def _repr_html_(self) -> str:
        rows = [(str(place), str(one), signed(self.strengths[one])) for place, one in enumerate(self.order, 1)]
        return html_table("Ranking", ("place", "response", "log-odds"), rows)

    @classmethod
    def of_scores(cls, scores: Sequence[float], compared: int = 0, unscored: int = 0) -> Ranking:
        """From strengths (n,) in log-odds; equal ones keep their order."""
        mean = math.fsum(scores) / len(scores)
        order = tuple(sorted(range(len(scores)), key=lambda i: (-scores[i], i)))
        return cls(order, tuple(float(one) - mean for one in scores), compared, unscored)


class Predictor(Protocol):
    """Predicts one person's choices."""

    async def compare(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "reasoned") -> Verdict:
        """The preferred response: the probability over both orders, with reasoning; or unscored, with the reason."""
        ...

    async def compare_many(self, pairs: Sequence[Pair], verdicts: VerdictMode = "token") -> list[Verdict]:
        """A verdict for each pair, in order."""
        ...

    async def score(self, context: Sequence[Message], response: str) -> float | None:
        """The reward of one response in log-odds; None if unscored."""
        ...

    async def score_many(self, context: Sequence[Message], responses: Sequence[str]) -> list[float | None]:
        """A score for each response, in order."""
        ...

    async def rank(
        self, context: Sequence[Message], responses: Sequence[str], verdicts: VerdictMode = "token"
    ) -> Ranking:
        """Rank at least one response, best first."""
        ...


class Engine(Protocol):
    """Fits profiles and predicts from them."""

    @property
    def scalar(self) -> bool:
        """Whether scores are Bradley–Terry strengths: differences within a conversation are log-odds."""
        ...

    @property
    def has_uncertainty(self) -> bool:
        """Whether its predictors have a posterior of the margins (`engines.UncertainLocalPredictor`)."""
        ...

    @property
    def asks_endpoint(self) -> bool:
        """Whether it asks a language model, so that predictions take seconds and cost money."""
        ...

    async def fit(self, history: History, known: Profile | None = None) -> Profile:
        """Fit one person's profile.

        Args:
            history: the person's choices, oldest first.
            known: an earlier profile of the same person; results that are still valid are reused.

        Raises:
            NotEnoughChoices: there is no choice other than ties.
        """
        ...

    async def open(self, profile: Profile) -> Predictor:
        """The predictor of this profile. ProfileError if this engine cannot use the profile."""
        ...

    async def open_population(self, profile: Profile) -> Predictor:
        """The predictor of the population by this profile's prior, without the person's own choices."""
        ...


class LocalModel(Protocol):
    """A local model; before `fit` it predicts for the population."""

    def fit(self, history: History) -> LocalModel:
        """A copy of the model fitted to one person."""
        ...

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """The preferred response; the probabilities of the two orders sum to one."""
        ...

    def compare_many(self, pairs: Sequence[Pair]) -> NDArray[np.float64]:
        """Probabilities (n,) that the first response of each pair is preferred."""
        ...


class ScalarModel(LocalModel, Protocol):
    """A local model whose scores are Bradley–Terry strengths."""

    def fit(self, history: History) -> ScalarModel:
        """A copy of the model fitted to one person."""
        ...

    def scores(self, items: Sequence[Item]) -> NDArray[np.float64]:
        """The reward of each response (n,): log-odds, comparable within a conversation."""
        ...
