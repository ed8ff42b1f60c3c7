"""The two engines behind the front door: a language model that is asked, and the embedded one that needs none.

Both turn a history into a `Profile`, and a profile into something that predicts with the same verbs.

    engine = TraitsEngine()
    profile = await engine.fit(history)
    verdict = await engine.predictor(profile).compare(context, "Yes.", "It depends.")
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from personalrm.data.reading import read_people
from personalrm.errors import NotEnoughChoices
from personalrm.llm.endpoint import Completion, Endpoint, SamplingParams
from personalrm.models.judges.pair_judge import Judge, Ranking
from personalrm.preferences import History, Message, Verdict
from personalrm.profile.options import Options, VerdictMode
from personalrm.profile.records import Profile, Reasoning
from personalrm.synthesis.fitting import fit, judge_context_of

if TYPE_CHECKING:
    from personalrm.models.traits import TraitsModel

TRAITS = ("traits", "traits+encoder")
"""Names of the embedded engine."""
TRAINED = "trained:"
"""Begins the name of a folder that `train` wrote; any other name is a model at an endpoint."""
Population = str | Path | Iterable[History]


def is_local(model: str) -> bool:
    """Whether this model runs here and asks no endpoint."""
    return model in TRAITS or model.startswith(TRAINED)


class Predictor(Protocol):
    """Predicts one person's choices."""

    async def compare(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "reasoned") -> Verdict:
        """Which response the person prefers."""
        ...

    async def score(self, context: Sequence[Message], response: str) -> float | None:
        """How much the person likes one response, as log-odds; None if unscored."""
        ...

    async def rank(self, context: Sequence[Message], responses: Sequence[str]) -> Ranking:
        """Several responses, best first."""
        ...


class Engine(Protocol):
    """Learns profiles and predicts from them."""

    async def fit(self, history: History, known: Mapping[str, Reasoning] | None = None) -> Profile:
        """Learn one person's profile."""
        ...

    def predictor(self, profile: Profile) -> Predictor:
        """What predicts for the person of this profile."""
        ...


@dataclass(frozen=True)
class JudgeEngine:
    """SynthesizeMe on a language model.

    Attributes:
        endpoint: who is asked.
        options: how profiles are fitted.
    """

    endpoint: Endpoint
    options: Options = field(default_factory=Options)

    async def fit(self, history: History, known: Mapping[str, Reasoning] | None = None) -> Profile:
        return await fit(self.endpoint, history, self.options, known)

    def predictor(self, profile: Profile) -> Judge:
        return Judge(self.endpoint, judge_context_of(profile))


@dataclass(frozen=True)
class TraitsEngine:
    """The embedded engine.

    Attributes:
        population: other people to learn the prior from, a file or histories; None takes the prior that ships.
        encoder: also use sentence embeddings.
        seed: of everything that is drawn.
    """

    population: Population | None = None
    encoder: bool = False
    seed: int = 0

    async def fit(self, history: History, known: Mapping[str, Reasoning] | None = None) -> Profile:
        """Learn the profile; ``known`` is of no use here."""
        if not history.decided:
            raise NotEnoughChoices(f"{history.user} has no decided choice among {len(history)}: nothing to learn from")
        return self._prior(history.user).fit(history).profile()

    def predictor(self, profile: Profile) -> ScalarPredictor:
        from personalrm.models.traits import TraitsModel  # numpy, 0.1 s

        return ScalarPredictor(TraitsModel.from_profile(profile))

    def _prior(self, user: str) -> TraitsModel:
        """What is known of others; the person themselves is never part of it."""
        from personalrm.models.traits import TraitsModel

        if self.population is None:
            return TraitsModel.shipped(encoder=self.encoder)
        people = read_people(self.population) if isinstance(self.population, str | Path) else self.population
        others = [one for one in people if one.user != user]
        if not others:
            raise NotEnoughChoices(f"the population holds nobody but {user}: give other people's choices")
        return TraitsModel.from_population(others, encoder=self.encoder, seed=self.seed)


class Scalar(Protocol):
    """A fitted model whose scores are Bradley–Terry strengths."""

    def compare(self, context: Sequence[Message], a: str, b: str) -> Verdict:
        """Which response the person prefers."""
        ...

    def score(self, context: Sequence[Message], response: str) -> float:
        """How much the person likes one response, as log-odds."""
        ...


@dataclass(frozen=True)
class ScalarPredictor:
    """The verbs of the models that run here."""

    model: Scalar

    async def compare(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "reasoned") -> Verdict:
        """``verdicts`` changes nothing here: the reasoning costs nothing."""
        return self.model.compare(context, a, b)

    async def score(self, context: Sequence[Message], response: str) -> float | None:
        return self.model.score(context, response)

    async def rank(self, context: Sequence[Message], responses: Sequence[str]) -> Ranking:
        """The scores are Bradley–Terry strengths already; nothing is compared."""
        scores = [self.model.score(context, one) for one in responses]
        mean = math.fsum(scores) / len(scores)
        order = tuple(sorted(range(len(scores)), key=lambda i: (-scores[i], i)))
        return Ranking(order, tuple(one - mean for one in scores), 0)


@dataclass(frozen=True)
class ProgressEndpoint:
    """An Endpoint that tells after each answer; for progress bars."""

    endpoint: Endpoint
    answered: Callable[[], None]

    @property
    def model(self) -> str:
        return self.endpoint.model

    async def complete(self, messages: Sequence[Message], want: SamplingParams) -> Completion:
        """Ask and tell."""
        completion = await self.endpoint.complete(messages, want)
        self.answered()
        return completion

    async def aclose(self) -> None:
        """Close what is watched."""
        await self.endpoint.aclose()
