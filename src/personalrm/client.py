"""`Client` serves many people in one process: it holds no profile; each method takes the profile as an argument.

    from personalrm import Client

    client = Client()                                             # embedded engine, no endpoint needed
    ada, bob = client.fit("ada.jsonl"), client.fit("bob.jsonl")
    client.compare(ada, "How do I boil an egg?", "Eight minutes.", "Boiling an egg is an art …")
    client.score_many([ada, bob], "Hi!", ["Hello.", "Good day to you."])     # one row per person

Every method has an async version (`afit`, `acompare`, …), which does not block the caller's event loop. Opened
predictors are cached (LRU), so that a profile is loaded once and not once per call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from personalrm.bench.evaluation import Evaluation
from personalrm.bench.profile_evaluation import evaluate_profile
from personalrm.data.given import (
    Candidates,
    Choices,
    Context,
    check_same_person,
    check_texts,
    history_of,
    messages_of,
    responses_of,
)
from personalrm.data.reading import ColumnsGiven
from personalrm.errors import DataError
from personalrm.llm.connect import EndpointOptions
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.ledger import Prices
from personalrm.models.active_learning import select_questions
from personalrm.models.base import Predictor, Ranking
from personalrm.models.engine_pool import EnginePool
from personalrm.models.engines import score_people
from personalrm.models.population import Population
from personalrm.models.registry import DEFAULT, predicting_name
from personalrm.models.traits.sure import answered_if_sure, needed_confidence
from personalrm.models.worker import blocking, in_worker
from personalrm.preferences import Pair, Verdict
from personalrm.profile.collection import ProfileCollection, Profiles
from personalrm.profile.merging import merged
from personalrm.profile.options import Options, VerdictMode, check_options
from personalrm.profile.reasons import explained
from personalrm.profile.records import Profile
from personalrm.renamed import renamed_arguments
from personalrm.synthesis import prompting

if TYPE_CHECKING:
    from personalrm.models.acquisition import Criterion, Question

OPENED = 256
"""Default size of the cache of predictors; one of the traits engine takes 20 kB."""


class Client:
    """Fits profiles and predicts from them (SynthesizeMe, arXiv 2506.05598); stateless over people.

    Args:
        model: ``traits`` or ``traits+encoder`` for the embedded engine, ``trained:DIR`` for a model that ``train``
            wrote, else a model at an OpenAI-compatible endpoint: fused with traits (docs/fusion.md), or by itself with
            ``judge:MODEL`` and with an Endpoint of one's own. None fits with ``traits`` and predicts as fitted.
        base_url: URL of the endpoint; default OPENAI_BASE_URL, else OpenAI's.
        api_key: default OPENAI_API_KEY.
        population: choices of other people to fit the embedded engine's prior to; default the shipped prior, and for
            `update` the prior of the profile.
        cache: file of the response cache; default in the user's cache folder.
        options: options of the fits; default `Options()`, and for `update` those of the profile.
        concurrency: maximum number of concurrent requests, over all objects with the same settings.
        max_calls: maximum number of requests, over all objects with the same settings.
        max_cost: maximum cost in US dollars, likewise; needs ``prices``.
        prices: US dollars per million tokens.
        timeout: seconds per request at a fast host; it adapts to the measured latency of a slow one.
        max_tokens: maximum number of new tokens per response, including reasoning; by default it is raised when
            responses are truncated.
        reasoning_effort: passed to reasoning models.
        refresh: ignore cached responses and replace them.
        endpoint: connection settings that replace the single arguments, or an Endpoint that replaces all of them.
        answered: progress callback, called after each response of the model.
        opened: maximum number of cached predictors.
        profiles: profiles by user (a mapping, or a folder of ``USER.json``), for callers that look profiles up by user,
            such as the rewards of `personalrm.integrations`; the methods of this class do not use it.

    Raises:
        DataError: invalid settings.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        population: Population | None = None,
        cache: str | Path | None = None,
        options: Options | None = None,
        concurrency: int = 64,
        max_calls: int | None = None,
        max_cost: float | None = None,
        prices: Prices | None = None,
        timeout: float = 120.0,
        max_tokens: int | None = None,
        reasoning_effort: str | None = None,
        refresh: bool = False,
        endpoint: Endpoint | EndpointOptions | None = None,
        answered: Callable[[], None] | None = None,
        opened: int = OPENED,
        profiles: Profiles | None = None,
    ) -> None:
        if model is not None and not model.strip():
            raise DataError("--model: expected 'traits' or a model's name, found an empty text")
        single = EndpointOptions(
            base_url,
            api_key,
            cache,
            concurrency,
            max_calls,
            max_cost,
            prices,
            timeout,
            max_tokens,
            reasoning_effort,
            refresh,
        )
        asked = single if endpoint is None else endpoint
        if model is None and isinstance(asked, EndpointOptions) and asked.base_url is not None:
            raise DataError("--base-url names a host but no model: add --model NAME")
        if options is not None:
            check_options(options)
        self.model = model or (None if isinstance(asked, EndpointOptions) else asked.model)
        self.options = options
        self.profiles = None if profiles is None else ProfileCollection(profiles)
        self._pool = EnginePool(asked, population, answered, opened)
        if isinstance(asked, EndpointOptions) and self.model is not None and self._pool.asks(self.model):
            asked.resolved()  # raises for invalid settings before the first request

    # learning -----------------------------------------------------------------------------------------------------

    async def afit(self, choices: Choices, user: str | None = None, *, columns: ColumnsGiven = None) -> Profile:
        """Learn from one person's choices.

        Args:
            choices: a History, a list of Preference, files, rows (dicts), or a table of pandas, polars or `datasets`.
            user: the person to take from data with several people; the person's id for data that has none.
            columns: field → column, as in ``{"chosen": "better", "rejected": "worse"}``; see docs/formats.md.

        Raises:
            SeveralPeople: the data holds several people and ``user`` is None.
            NotEnoughChoices: no usable choice.
        """
        history = await in_worker(history_of, choices, user, columns)
        name = self._pool.fitting_name(self.model or DEFAULT)
        return await (await self._pool.engine(name, self.options or Options())).fit(history)

    async def aupdate(
        self, profile: Profile, choices: Choices | None = None,
        *, columns: ColumnsGiven = None, reasons: Mapping[str, str] | None = None,
    ) -> Profile:  # fmt: skip
        """Refit with new choices of the same person; returns a new profile and reuses results that are still valid.

        A known choice with another label or wording replaces the earlier one (`personalrm.profile.merging`).
        ``reasons`` maps choice ids to the person's own explanations (`personalrm.profile.reasons`).
        """
        history = profile.history
        if choices is not None:
            read = await in_worker(history_of, choices, profile.user, columns)
            history = merged(history, check_same_person(read, profile.user))
        name = self._pool.fitting_name(self.model or profile.model, profile)
        engine = await self._pool.engine(name, self.options or profile.options)
        return await engine.fit(explained(history, reasons or {}), profile)

    # predicting ---------------------------------------------------------------------------------------------------

    async def aopen(self, profile: Profile) -> Predictor:
        """The predictor of this profile; cached, and shared by all methods."""
        return await self._pool.predictor(*self._used(profile))

    async def aopen_population(self, profile: Profile) -> Predictor:
        """The predictor of the population mean, from this profile's prior; cached like `aopen`."""
        return await self._pool.population_predictor(*self._used(profile))

    @renamed_arguments(sure="max_risk")
    async def acompare(
        self, profile: Profile, context: Context, a: str, b: str,
        *, verdicts: VerdictMode = "reasoned", max_risk: float | None = None,
    ) -> Verdict:  # fmt: skip
        """Predict which response the person prefers: the probability of ``a`` over both orders, or an unscored verdict.

        Args:
            profile: the person's profile; ``context`` is the prompt or conversation, ``a`` and ``b`` the responses.
            verdicts: ``reasoned`` includes an explanation; ``token`` costs less.
            max_risk: maximum error rate, in (0, 0.5); less confident pairs are unscored (`models.traits.sure`).
        """
        check_texts(a, b)
        model = self.model or profile.model
        if max_risk is not None:
            needed_confidence(profile, model, max_risk)  # refused before a model is asked
        found = await (await self.aopen(profile)).compare(messages_of(context), a, b, verdicts)
        return found if max_risk is None else answered_if_sure(found, profile, model, max_risk)

    async def acompare_many(
        self, profile: Profile, pairs: Sequence[tuple[Context, str, str]], *, verdicts: VerdictMode = "token"
    ) -> list[Verdict]:
        """`compare` for each (context, a, b), in the same order."""
        asked: list[Pair] = []
        for context, a, b in pairs:
            check_texts(a, b)
            asked.append((messages_of(context), a, b))
        return await (await self.aopen(profile)).compare_many(asked, verdicts)

    async def arank(
        self, profile: Profile, context: Context, responses: Sequence[str], *, verdicts: VerdictMode = "token"
    ) -> Ranking:
        """Rank responses, best first, by Bradley–Terry strengths from comparisons in both orders."""
        return await (await self.aopen(profile)).rank(messages_of(context), responses_of("rank", responses), verdicts)

    async def ascore(self, profile: Profile, context: Context, response: str) -> float | None:
        """Reward of one response in log-odds; differences are calibrated with ``traits`` only. None if unscored."""
        check_texts(response)
        return await (await self.aopen(profile)).score(messages_of(context), response)

    async def ascore_many(
        self, profiles: Sequence[Profile], context: Context, responses: Sequence[str]
    ) -> list[list[float | None]]:
        """Rewards of n responses for m people, shape (m, n)."""
        given = responses_of("score_many", responses)
        return await score_people([await self.aopen(one) for one in profiles], messages_of(context), given)

    async def aevaluate(
        self, profile: Profile, test: Choices,
        *, name: str = "", verdicts: VerdictMode | None = None, columns: ColumnsGiven = None,
    ) -> Evaluation:  # fmt: skip
        """Evaluate predictions on the person's held-out choices, with surface baselines.

        Args:
            profile, test: the person's profile, and held-out choices of the same person.
            name: name of the test set in the result; default the file's name.
            verdicts: how the judge answers; default as in the fit.
        """
        history = await in_worker(history_of, test, profile.user, columns)
        model, _, options = self._used(profile)
        named = name or (Path(test).name if isinstance(test, str | Path) else "")
        return await evaluate_profile(self._pool, model, profile, history, options, verdicts=verdicts, data=named)

    async def anext_question(
        self,
        profile: Profile,
        candidates: Candidates,
        top: int = 1,
        criterion: Criterion = "information",
    ) -> list[Question]:
        """Select the most informative pairs to label next (active learning), best first; the profile is unchanged.

        Args:
            profile, candidates: the person's profile, and a file or a list of pairs or choices; labels are ignored, and
                pairs that the person has already labelled are skipped.
            top: number of pairs.
            criterion: ``information`` about the person's weights, about the labels of all candidates (``prediction``),
                or the criterion of PReF (``pref``).

        Raises:
            ProfileError: the profile's model gives no posterior uncertainty.
        """
        model, _, options = self._used(profile)
        return await select_questions(self._pool, model, profile, options, candidates, top, criterion)

    # exported prompts ---------------------------------------------------------------------------------------------

    def judge_prompt(
        self, profile: Profile, context: Context | None = None, a: str | None = None, b: str | None = None
    ) -> list[dict[str, str]]:
        """Judge prompt for this person as messages for any chat API.

        Without a pair it contains the placeholders ``{{conversation}}``, ``{{response_a}}`` and ``{{response_b}}``.
        """
        return prompting.judge_prompt(profile, None if context is None else messages_of(context), a, b)

    def generation_prompt(self, profile: Profile) -> str:
        """System prompt that makes a model answer in the way this person prefers."""
        return prompting.generation_prompt(profile)

    # synchronous versions -----------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Wait for requests in flight, then close connections, cache and predictors."""
        await self._pool.aclose()

    fit = blocking(afit)
    """Synchronous `afit`; like all synchronous methods it also works inside a running event loop (notebooks)."""
    update = blocking(aupdate)
    """Synchronous `aupdate`."""
    open = blocking(aopen)
    """Synchronous `aopen`."""
    open_population = blocking(aopen_population)
    """Synchronous `aopen_population`."""
    compare = blocking(acompare)
    """Synchronous `acompare`."""
    compare_many = blocking(acompare_many)
    """Synchronous `acompare_many`."""
    rank = blocking(arank)
    """Synchronous `arank`."""
    score = blocking(ascore)
    """Synchronous `ascore`."""
    score_many = blocking(ascore_many)
    """Synchronous `ascore_many`."""
    evaluate = blocking(aevaluate)
    """Synchronous `aevaluate`."""
    next_question = blocking(anext_question)
    """Synchronous `anext_question`."""
    close = blocking(aclose)
    """Synchronous `aclose`."""

    def _used(self, profile: Profile) -> tuple[str, Profile, Options]:
        """The model that predicts for this profile, the profile and the options to use."""
        return predicting_name(self.model or profile.model, profile), profile, self.options or profile.options
