"""Many people in one process: `Client` holds no person; every verb takes the profile it is about.

    from personalrm import Client

    client = Client()                                             # embedded engine, no endpoint needed
    ada, bob = client.fit("ada.jsonl"), client.fit("bob.jsonl")
    client.compare(ada, "How do I boil an egg?", "Eight minutes.", "Boiling an egg is an art …")
    client.score_many([ada, bob], "Hi!", ["Hello.", "Good day to you."])     # one row a person

Every verb has an async twin (`afit`, `acompare`, …), which never holds up the caller's event loop. Opened predictors
are kept, so that a person is loaded once and not once a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from personalrm.bench.evaluation import Evaluation, evaluate
from personalrm.bench.origins import NOTHING, origin_of_profile
from personalrm.data.given import (
    Candidates,
    Choices,
    Context,
    candidates_of,
    check_same_person,
    check_texts,
    history_of,
    messages_of,
    responses_of,
)
from personalrm.data.reading import ColumnsGiven
from personalrm.errors import DataError, ProfileError
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.language_model import UsageMeter
from personalrm.llm.ledger import Prices
from personalrm.models.base import Predictor, Ranking
from personalrm.models.engine_pool import EnginePool
from personalrm.models.engines import UncertainLocalPredictor, score_people
from personalrm.models.population import Population
from personalrm.models.registry import DEFAULT, FUSED, is_fused
from personalrm.models.served_name import without_url
from personalrm.models.traits.sure import answered_if_sure
from personalrm.models.worker import blocking, in_worker
from personalrm.preferences import Pair, Verdict
from personalrm.profile.collection import ProfileCollection, Profiles
from personalrm.profile.merging import merged
from personalrm.profile.options import Options, VerdictMode, check_options
from personalrm.profile.reasons import explained
from personalrm.profile.records import Profile
from personalrm.profile.spend import Spend
from personalrm.synthesis import prompting

if TYPE_CHECKING:
    from personalrm.models.acquisition import Criterion, Question

OPENED = 256
"""Predictors that are kept by default; one of traits takes 20 kB."""


class Client:
    """Learns profiles and predicts from them (SynthesizeMe, arXiv 2506.05598); stateless over people.

    Args:
        model: ``traits`` or ``traits+encoder`` for the embedded engine, ``trained:DIR`` for a model that ``train``
            wrote, else a model's name at an OpenAI-compatible endpoint. None fits with ``traits`` and predicts with
            whatever a profile was fitted with.
        base_url: the endpoint; None takes OPENAI_BASE_URL, else OpenAI's.
        api_key: None takes OPENAI_API_KEY.
        population: other people's choices for the embedded engine's prior; None takes the one that ships, and for
            `update` the one that the profile was fitted with.
        cache: file of answers; None takes the user's cache folder.
        options: how profiles are fitted; None takes the defaults, and for `update` those of the profile.
        concurrency: most requests in flight, over all objects with the same settings.
        max_calls: most requests, over all objects with the same settings.
        max_cost: most US dollars, likewise; needs ``prices``.
        prices: dollars per million tokens.
        timeout: seconds that an answer may take at a quick host; it grows with what a slow one shows it needs.
        max_tokens: the most new tokens of one answer, thoughts included; None lets it grow where answers are cut off.
        reasoning_effort: how much a reasoning model should think.
        refresh: ask again what is in the cache, and keep the new answers.
        endpoint: how to connect, in place of the single settings; or an Endpoint of your own, in place of all of them.
        answered: called after each answer of the model, for progress.
        opened: most predictors that are kept.
        profiles: users and their profiles (a mapping, or a folder of ``USER.json``), for what asks by user, such as the
            rewards of `personalrm.integrations`; the verbs take profiles and do not need it.

    Raises:
        DataError: settings that cannot work.
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
            asked.resolved()  # says now what would fail later

    # learning -----------------------------------------------------------------------------------------------------

    async def afit(self, choices: Choices, user: str | None = None, *, columns: ColumnsGiven = None) -> Profile:
        """Learn from one person's choices.

        Args:
            choices: a History, a list of Preference, files, rows (dicts), or a table of pandas, polars or `datasets`.
            user: whose, where there are several people; the person's name, where none is given.
            columns: which columns hold what, as in ``{"chosen": "better", "rejected": "worse"}``; see docs/formats.md.

        Raises:
            SeveralPeople: the file holds several people and none is named. NotEnoughChoices: nothing to learn from.
        """
        history = await in_worker(history_of, choices, user, columns)
        engine = await self._pool.engine(self.model or DEFAULT, self.options or Options())
        return await engine.fit(history)

    async def aupdate(
        self, profile: Profile, choices: Choices | None = None,
        *, columns: ColumnsGiven = None, reasons: Mapping[str, str] | None = None,
    ) -> Profile:  # fmt: skip
        """Learn again with new choices of the same person; what still applies of the profile is reused.

        A choice that is known already takes the place of the earlier one (see `personalrm.profile.merging`).
        ``reasons`` say why choices were made, by choice id, in the person's words (`personalrm.profile.reasons`).
        """
        history = profile.history
        if choices is not None:
            read = await in_worker(history_of, choices, profile.user, columns)
            history = merged(history, check_same_person(read, profile.user))
        engine = await self._pool.engine(self.model or profile.model, self.options or profile.options)
        return await engine.fit(explained(history, reasons or {}), profile)

    # predicting ---------------------------------------------------------------------------------------------------

    async def aopen(self, profile: Profile) -> Predictor:
        """What predicts for this profile; kept, and reused by all verbs."""
        return await self._pool.predictor(*self._used(profile))

    async def aopen_population(self, profile: Profile) -> Predictor:
        """What predicts for people in general, as this profile's prior has it; kept like `aopen`."""
        return await self._pool.population_predictor(*self._used(profile))

    async def acompare(
        self, profile: Profile, context: Context, a: str, b: str,
        *, verdicts: VerdictMode = "reasoned", sure: float | None = None,
    ) -> Verdict:  # fmt: skip
        """Which response the person prefers: a probability from both orders, and why; or unscored, and why.

        Args:
            profile: whose preference, for the prompt or conversation ``context`` and the responses ``a`` and ``b``.
            verdicts: ``reasoned`` explains; ``token`` is cheaper.
            sure: largest share of wrong answers, in (0, 0.5): unscored where less sure (`models.traits.sure`).
        """
        check_texts(a, b)
        found = await (await self.aopen(profile)).compare(messages_of(context), a, b, verdicts)
        return found if sure is None else answered_if_sure(found, profile, self.model or profile.model, sure)

    async def acompare_many(
        self, profile: Profile, pairs: Sequence[tuple[Context, str, str]], *, verdicts: VerdictMode = "token"
    ) -> list[Verdict]:
        """`compare` for each (context, a, b), in order."""
        asked: list[Pair] = []
        for context, a, b in pairs:
            check_texts(a, b)
            asked.append((messages_of(context), a, b))
        return await (await self.aopen(profile)).compare_many(asked, verdicts)

    async def arank(
        self, profile: Profile, context: Context, responses: Sequence[str], *, verdicts: VerdictMode = "token"
    ) -> Ranking:
        """Responses best first, by Bradley–Terry strengths over comparisons in both orders."""
        return await (await self.aopen(profile)).rank(messages_of(context), responses_of("rank", responses), verdicts)

    async def ascore(self, profile: Profile, context: Context, response: str) -> float | None:
        """How much the person likes one response, as log-odds (calibrated for differences with ``traits`` only)."""
        check_texts(response)
        return await (await self.aopen(profile)).score(messages_of(context), response)

    async def ascore_many(
        self, profiles: Sequence[Profile], context: Context, responses: Sequence[str]
    ) -> list[list[float | None]]:
        """Scores of n responses for m people: m rows of n."""
        given = responses_of("score_many", responses)
        return await score_people([await self.aopen(one) for one in profiles], messages_of(context), given)

    async def aevaluate(
        self, profile: Profile, test: Choices,
        *, name: str = "", verdicts: VerdictMode | None = None, columns: ColumnsGiven = None,
    ) -> Evaluation:  # fmt: skip
        """How well the person's other choices are predicted, with the surface baselines beside it.

        Args:
            profile: whose.
            test: choices that were not learned from.
            name: what the result calls them; a file's own name if left out.
            verdicts: how a model is asked; None takes the way of the fit.
        """
        history = await in_worker(history_of, test, profile.user, columns)
        model, _, options = self._used(profile)
        meter = UsageMeter(await self._pool.endpoint(model)) if self._pool.asks(model) else None
        engine = await self._pool.engine(model, options, meter)
        evaluation = evaluate(
            await engine.open(profile),
            history,
            profile.history,
            origin_of_profile(profile, model) if meter is None else NOTHING,
            name=FUSED if is_fused(model) else without_url(model) if meter is None else "synthesizeme",
            model=without_url(model),
            verdicts=verdicts or options.verdicts,
            spend=Spend if meter is None else meter.spend,
            seed=profile.seed,
            data=name or (Path(test).name if isinstance(test, str | Path) else ""),
        )
        found, mode = await background_loop.join(evaluation), verdicts or options.verdicts
        await self._pool.keep_verdicts(model, profile, history, found.verdicts, mode)
        return found

    async def anext_question(
        self,
        profile: Profile,
        candidates: Candidates,
        top: int = 1,
        criterion: Criterion = "information",
    ) -> list[Question]:
        """Which pairs this person should be asked next, best first; the profile stays as it is.

        Args:
            profile: whose.
            candidates: a file of pairs or choices, or a list of them; who won, if it is said, is not looked at. Pairs
                that are answered already are left out.
            top: how many.
            criterion: ``information`` about the person, about the answers to all candidates (``prediction``), or PReF's
                (``pref``).

        Raises:
            ProfileError: the profile does not say how unsure it is.
        """
        name = self.model or profile.model
        predictor = None if self._pool.asks(name) else await self.aopen(profile)
        if not isinstance(predictor, UncertainLocalPredictor):
            raise ProfileError(
                f"the profile of {profile.user} was fitted with {name}, which does not say how unsure it is of a "
                "person: ask with one fitted with traits, or with trained:DIR of a gpo, vpl, pal, lore or pref model"
            )
        return await in_worker(_next_questions, profile, candidates, predictor, top, criterion)

    # prompts to carry away ----------------------------------------------------------------------------------------

    def judge_prompt(
        self, profile: Profile, context: Context | None = None, a: str | None = None, b: str | None = None
    ) -> list[dict[str, str]]:
        """Messages for any chat API that ask which response this person prefers.

        Without a pair they hold the placeholders ``{{conversation}}``, ``{{response_a}}`` and ``{{response_b}}``.
        """
        return prompting.judge_prompt(profile, None if context is None else messages_of(context), a, b)

    def generation_prompt(self, profile: Profile) -> str:
        """A system prompt that makes any model answer the way this person likes."""
        return prompting.generation_prompt(profile)

    # the same from plain code -------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Wait for requests on their way, then let go of connections, cache and opened predictors."""
        await self._pool.aclose()

    fit = blocking(afit)
    """`afit` from plain code; like all of these, also inside a notebook's running event loop."""
    update = blocking(aupdate)
    """`aupdate` from plain code."""
    open = blocking(aopen)
    """`aopen` from plain code."""
    open_population = blocking(aopen_population)
    """`aopen_population` from plain code."""
    compare = blocking(acompare)
    """`acompare` from plain code."""
    compare_many = blocking(acompare_many)
    """`acompare_many` from plain code."""
    rank = blocking(arank)
    """`arank` from plain code."""
    score = blocking(ascore)
    """`ascore` from plain code."""
    score_many = blocking(ascore_many)
    """`ascore_many` from plain code."""
    evaluate = blocking(aevaluate)
    """`aevaluate` from plain code."""
    next_question = blocking(anext_question)
    """`anext_question` from plain code."""
    close = blocking(aclose)
    """`aclose` from plain code."""

    def _used(self, profile: Profile) -> tuple[str, Profile, Options]:
        """Which model predicts for this profile, and how."""
        return self.model or profile.model, profile, self.options or profile.options


def _next_questions(
    profile: Profile, candidates: Candidates, predictor: UncertainLocalPredictor, top: int, criterion: Criterion
) -> list[Question]:
    from personalrm.models.acquisition import next_questions  # numpy, 0.1 s: not on an event loop

    pairs = candidates_of(candidates)
    return next_questions(profile.history, pairs, predictor.of_pairs, top=top, criterion=criterion)
