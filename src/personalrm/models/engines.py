"""The engines: a language model at an endpoint, and local models.

    engine = TraitsEngine()
    profile = await engine.fit(history)
    verdict = await (await engine.open(profile)).compare(context, "Yes.", "It depends.")

The third engine, for folders written by `train`, is in `trained_engine`, because it needs torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from personalrm import prompts
from personalrm.errors import DataError, NotEnoughChoices
from personalrm.llm import background_loop
from personalrm.llm.endpoint import Completion, Endpoint, SamplingParams
from personalrm.llm.gather import gather
from personalrm.models.base import Predictor, Ranking, ScalarModel
from personalrm.models.judges.pair_judge import Judge
from personalrm.models.population import PopulationPriors
from personalrm.models.worker import in_fitting_worker, in_worker
from personalrm.preferences import History, Message, Pair, Verdict
from personalrm.profile.options import Options, VerdictMode
from personalrm.profile.records import Profile, Reasoning
from personalrm.synthesis.fitting import fit, judge_context_of
from personalrm.synthesis.judging import JudgeContext

if TYPE_CHECKING:
    from personalrm.models.traits import TraitsModel
    from personalrm.models.traits.prior import Prior
    from personalrm.models.uncertainty import MarginPosterior


@dataclass(frozen=True)
class JudgeEngine:
    """SynthesizeMe with a language model.

    Attributes:
        endpoint: the language model.
        options: options of the fits.
    """

    endpoint: Endpoint
    options: Options = field(default_factory=Options)
    scalar: bool = field(default=False, init=False)
    has_uncertainty: bool = field(default=False, init=False)
    asks_endpoint: bool = field(default=True, init=False)

    async def fit(self, history: History, known: Profile | None = None) -> Profile:
        """Fit one person's profile; reasonings of ``known`` are reused if the same requests would be sent."""
        return await background_loop.join(fit(self.endpoint, history, self.options, self._reusable(history, known)))

    async def open(self, profile: Profile) -> JudgePredictor:
        """Works for any kind of profile: its persona and past choices are shown to the model."""
        return JudgePredictor(Judge(self.endpoint, judge_context_of(profile)))

    async def open_population(self, profile: Profile) -> JudgePredictor:
        """The model without information about the person."""
        return JudgePredictor(Judge(self.endpoint, JudgeContext()))

    def _reusable(self, history: History, known: Profile | None) -> Mapping[str, Reasoning]:
        """Reusable reasonings by choice id: those of a fit with the same model, prompts and options."""
        if known is None or known.model != self.endpoint.model or known.prompts != prompts.hashes():
            return {}
        old, new = known.options, self.options
        if (old.seed, old.samples, old.both_orders) != (new.seed, new.samples, new.both_orders):
            return {}
        now = {one.id: one for one in history}
        same = {one.id for one in known.history if now.get(one.id) == one}
        return {one.choice: one for one in known.reasonings if one.choice in same}


@dataclass(frozen=True)
class JudgePredictor:
    """A language model with the input of the profile's selected arm; called in the package's event loop."""

    judge: Judge

    async def compare(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "reasoned") -> Verdict:
        """``reasoned`` includes an explanation; ``token`` is cheaper."""
        return await background_loop.join(self.judge.compare(context, a, b, verdicts))

    async def compare_many(self, pairs: Sequence[Pair], verdicts: VerdictMode = "token") -> list[Verdict]:
        """All pairs concurrently; the endpoint limits the requests in flight."""
        return await background_loop.join(gather(self.judge.compare(*one, verdicts) for one in pairs))

    async def score(self, context: Sequence[Message], response: str) -> float | None:
        """Log-odds that the person would be satisfied with this response; not calibrated."""
        return await background_loop.join(self.judge.score(context, response))

    async def score_many(self, context: Sequence[Message], responses: Sequence[str]) -> list[float | None]:
        """Each response separately, all concurrently."""
        return await background_loop.join(gather(self.judge.score(context, one) for one in responses))

    async def rank(
        self, context: Sequence[Message], responses: Sequence[str], verdicts: VerdictMode = "token"
    ) -> Ranking:
        """Rank by Bradley–Terry strengths over comparisons in both orders."""
        return await background_loop.join(self.judge.rank(context, responses, verdicts))


@dataclass(frozen=True)
class TraitsEngine:
    """The embedded engine.

    Attributes:
        population: choices that the prior is learned from; None is the shipped prior.
        encoder: also use sentence embeddings.
        options: options; only the seed has an effect.
    """

    population: PopulationPriors | None = None
    encoder: bool = False
    options: Options = field(default_factory=Options)
    scalar: bool = field(default=True, init=False)
    has_uncertainty: bool = field(default=True, init=False)
    asks_endpoint: bool = field(default=False, init=False)

    async def fit(self, history: History, known: Profile | None = None) -> Profile:
        """Fit the profile, with the prior of ``known`` unless there is a population."""
        return await in_fitting_worker(self._fit, history, known)

    async def open(self, profile: Profile) -> UncertainLocalPredictor:
        """ProfileError if the profile is not from this engine."""
        return await in_worker(self._open, profile)

    async def open_population(self, profile: Profile) -> LocalPredictor:
        """The prior of the profile. ProfileError if the profile is not from this engine."""
        return await in_worker(self._open_population, profile)

    def _open(self, profile: Profile) -> UncertainLocalPredictor:
        from personalrm.models.traits import TraitsModel  # numpy, 0.1 s
        from personalrm.models.uncertainty import traits_margin_posterior

        model = TraitsModel.from_profile(profile)
        return UncertainLocalPredictor(model, partial(traits_margin_posterior, model))

    def _open_population(self, profile: Profile) -> LocalPredictor:
        from personalrm.models.traits import TraitsModel

        return LocalPredictor(TraitsModel.behind_profile(profile))

    def _fit(self, history: History, known: Profile | None) -> Profile:
        if not history.decided and not history.thumbs:
            raise NotEnoughChoices(f"{history.user} has no decided choice among {len(history)}: nothing to learn from")
        people = self._people(history.user, known)
        profile = people.fit(history).profile(self.options)
        return replace(profile, notes=(*profile.notes, *shipped_prior_notes(people.prior, history)))

    def _people(self, user: str, known: Profile | None) -> TraitsModel:
        """The population's model: from the population, else from the earlier profile, else the shipped one."""
        from personalrm.models.traits import TraitsModel

        if self.population is not None:
            return self.population.without(user)
        if known is not None and known.traits is not None:
            people = TraitsModel.behind_profile(known)
            if (people.prior.sense is not None) == self.encoder:
                return people
        return TraitsModel.shipped(encoder=self.encoder)


def shipped_prior_notes(prior: Prior, history: History) -> tuple[str, ...]:
    """A note if the prior is shipped and was fitted on this user's choices too."""
    from personalrm.models.traits.shipped import is_shipped, shipped_people

    encoder = prior.sense is not None
    if not is_shipped(prior.lineage, encoder=encoder) or not shipped_people(encoder=encoder).holds_history(history):
        return ()
    return ("the shipped prior was fitted on this user's choices too, so its measured gain is optimistic",)


@dataclass(frozen=True)
class LocalPredictor:
    """Async methods of a local model; each runs in a worker thread."""

    model: ScalarModel

    async def compare(self, context: Sequence[Message], a: str, b: str, verdicts: VerdictMode = "reasoned") -> Verdict:
        """``verdicts`` has no effect: the reasoning is free."""
        found = await in_worker(self.model.compare, context, a, b)
        if found.probability is not None:
            finite([found.probability])
        return found

    async def compare_many(self, pairs: Sequence[Pair], verdicts: VerdictMode = "token") -> list[Verdict]:
        """Probabilities without reasonings, which is faster."""
        found = await in_worker(self.model.compare_many, pairs)
        return [Verdict(one) for one in finite(found)]

    async def score(self, context: Sequence[Message], response: str) -> float | None:
        """A Bradley–Terry strength in log-odds."""
        return (await self._scores(context, [response]))[0]

    async def score_many(self, context: Sequence[Message], responses: Sequence[str]) -> list[float | None]:
        """Bradley–Terry strengths in log-odds."""
        return [*await self._scores(context, responses)]

    async def rank(
        self, context: Sequence[Message], responses: Sequence[str], verdicts: VerdictMode = "token"
    ) -> Ranking:
        """The scores are Bradley–Terry strengths already, so nothing is compared."""
        return Ranking.of_scores(await self._scores(context, responses))

    async def _scores(self, context: Sequence[Message], responses: Sequence[str]) -> list[float]:
        found = await in_worker(self.model.scores, [(context, one) for one in responses])
        return finite(found)


async def score_people(
    predictors: Sequence[Predictor], context: Sequence[Message], responses: Sequence[str]
) -> list[list[float | None]]:
    """Scores of n responses by m people, m rows of n; people with the same prior of traits share the features."""
    local = [one for one in predictors if isinstance(one, LocalPredictor)]
    if len(local) == len(predictors):
        return await in_worker(_score_people, [one.model for one in local], context, responses)
    return await background_loop.join(gather(one.score_many(context, responses) for one in predictors))


def _score_people(
    models: Sequence[ScalarModel], context: Sequence[Message], responses: Sequence[str]
) -> list[list[float | None]]:
    from personalrm.models.traits import TraitsModel

    items = [(context, one) for one in responses]
    by_prior: dict[int, list[TraitsModel]] = {}
    for model in models:
        if isinstance(model, TraitsModel):
            by_prior.setdefault(id(model.prior), []).append(model)
    shared = {key: TraitsModel.read_once(some, items) for key, some in by_prior.items()}
    rows: list[list[float | None]] = []
    for model in models:
        found = next(shared[id(model.prior)]) if isinstance(model, TraitsModel) else model.scores(items)
        rows.append([*finite(found)])
    return rows


def finite(values: Iterable[float]) -> list[float]:
    """Check a model's numbers. DataError for NaN or infinity."""
    found = [float(one) for one in values]
    if not all(map(math.isfinite, found)):
        raise DataError("the model gives NaN or infinity here: its weights, or the numbers in the profile, are damaged")
    return found


class Posterior(Protocol):
    """Returns the joint posterior of some margins."""

    def __call__(self, pairs: Sequence[Pair]) -> MarginPosterior:
        """The posterior of at least one pair."""
        ...


@dataclass(frozen=True)
class UncertainLocalPredictor(LocalPredictor):
    """A local model with a posterior of its uncertainty."""

    of_pairs: Posterior

    async def posterior(self, pairs: Sequence[Pair]) -> MarginPosterior:
        """Joint posterior of the margins of at least one pair."""
        return await in_worker(self.of_pairs, pairs)


@dataclass(frozen=True)
class ProgressEndpoint:
    """An Endpoint that calls back after each answer; for progress bars."""

    endpoint: Endpoint
    answered: Callable[[], None]

    @property
    def model(self) -> str:
        return self.endpoint.model

    async def complete(self, messages: Sequence[Message], params: SamplingParams) -> Completion:
        """Complete, then call back."""
        completion = await self.endpoint.complete(messages, params)
        self.answered()
        return completion

    async def aclose(self) -> None:
        """Close the wrapped endpoint."""
        await self.endpoint.aclose()
