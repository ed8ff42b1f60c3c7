"""`SynthesizeMe`: choices of one person in; a persona, prompts and predictions out. `client.Client` serves many people.

    from personalrm import SynthesizeMe

    me = SynthesizeMe().fit("choices.jsonl")                          # embedded engine, no endpoint needed
    me = SynthesizeMe(model="gpt-4o-mini").fit("choices.jsonl")       # any OpenAI-compatible endpoint
    print(me.persona)
    verdict = me.compare("How do I boil an egg?", "Eight minutes.", "Boiling an egg is an art …")
    me.save("me.json")

Every method has an async version (`afit`, `acompare`, …). Both also work inside a running event loop (notebooks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from personalrm.bench.evaluation import Evaluation
from personalrm.client import Client
from personalrm.data.given import Candidates, Choices, Context
from personalrm.data.reading import ColumnsGiven
from personalrm.errors import PersonalrmError
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.ledger import Prices
from personalrm.models.base import Ranking
from personalrm.models.population import Population
from personalrm.models.registry import DEFAULT
from personalrm.models.worker import blocking, in_worker
from personalrm.preferences import Verdict
from personalrm.profile.file import load, save
from personalrm.profile.options import Options, Preset, VerdictMode
from personalrm.profile.records import Profile
from personalrm.renamed import renamed_arguments, warn
from personalrm.synthesis.persona import persona_text

if TYPE_CHECKING:
    from personalrm.models.acquisition import Criterion, Question


class SynthesizeMe:
    """Learns one person's preferences from their choices and predicts further ones (arXiv 2506.05598).

    Args:
        model: ``traits`` or ``traits+encoder`` for the embedded engine, ``trained:DIR`` for a model that ``train``
            wrote, else the name of a model at an OpenAI-compatible endpoint. Default ``traits``; required with a
            ``base_url``.
        base_url: URL of the endpoint; default OPENAI_BASE_URL, else OpenAI's.
        api_key: default OPENAI_API_KEY.
        preset: ``default``, ``frugal``, or ``paper`` for the released algorithm; see `Options`.
        verdicts: ``token`` scores by the letter and its log-probabilities, ``reasoned`` asks for an explanation too.
        samples: number of reasonings sampled for each choice.
        both_orders: a reasoning is verified only if its prediction is right in both orders.
        validation: share of the choices used for validation, in (0, 1).
        seed: random seed.
        verification: false also shows explanations whose prediction was wrong (an ablation).
        selection: false shows every training choice without arm selection (an ablation).
        persona_prompt: instruction for writing the persona; None for the built-in prompt.
        cache: file of the response cache; default in the user's cache folder.
        concurrency: maximum number of concurrent requests, over all objects with the same settings.
        max_calls: maximum number of requests, over all objects with the same settings.
        max_cost: maximum cost in US dollars, likewise; needs ``prices``.
        prices: US dollars per million tokens.
        timeout: seconds per request at a fast host; it adapts to the measured latency of a slow one.
        max_tokens: maximum number of new tokens per response, including reasoning; by default it is raised when
            responses are truncated.
        reasoning_effort: passed to reasoning models.
        refresh: ignore cached responses and replace them.
        population: choices of other people to fit the embedded engine's prior to; default the shipped prior.
        endpoint: an Endpoint that replaces model and base_url.
        answered: progress callback, called after each response of the model.

    Raises:
        DataError: invalid settings.
        StorageError: the cache cannot be opened.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        preset: Preset = "default",
        verdicts: VerdictMode = "token",
        samples: int = 1,
        both_orders: bool = False,
        validation: float = 0.3,
        seed: int = 0,
        verification: bool = True,
        selection: bool = True,
        persona_prompt: str | None = None,
        cache: str | Path | None = None,
        concurrency: int = 64,
        max_calls: int | None = None,
        max_cost: float | None = None,
        prices: Prices | None = None,
        timeout: float = 120.0,
        max_tokens: int | None = None,
        reasoning_effort: str | None = None,
        refresh: bool = False,
        population: Population | None = None,
        endpoint: Endpoint | None = None,
        answered: Callable[[], None] | None = None,
    ) -> None:
        options = Options(
            preset, verdicts, samples, both_orders, validation, seed, verification, selection, persona_prompt
        )
        self._client = Client(
            model,
            base_url=base_url,
            api_key=api_key,
            population=population,
            cache=cache,
            options=options,
            concurrency=concurrency,
            max_calls=max_calls,
            max_cost=max_cost,
            prices=prices,
            timeout=timeout,
            max_tokens=max_tokens,
            reasoning_effort=reasoning_effort,
            refresh=refresh,
            endpoint=endpoint,
            answered=answered,
        )
        self._profile: Profile | None = None

    def __repr__(self) -> str:
        fitted = "not fitted" if self._profile is None else repr(self._profile)
        return f"SynthesizeMe(model={self.model!r}, {fitted})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>" if self._profile is None else self._profile._repr_html_()

    @property
    def model(self) -> str:
        """Name of the engine or model that predicts."""
        return self._client.model or DEFAULT

    @property
    def profile(self) -> Profile:
        """The fitted profile. Raises PersonalrmError before `fit` or `load`."""
        if self._profile is None:
            raise PersonalrmError("not fitted yet: call fit(choices) or SynthesizeMe.load(path) first")
        return self._profile

    @property
    def persona(self) -> str | None:
        """The persona's summary; None if no reasoning could be verified. ``profile`` has the evidence."""
        return None if self.profile.persona is None else persona_text(self.profile.persona)

    # learning -----------------------------------------------------------------------------------------------------

    async def afit(self, history: Choices, user: str | None = None, *, columns: ColumnsGiven = None) -> SynthesizeMe:
        """Learn from one person's choices, given as for `Client.afit`. Returns this object, fitted."""
        self._profile = await self._client.afit(history, user, columns=columns)
        return self

    async def aupdate(
        self,
        choices: Choices | None = None,
        *,
        columns: ColumnsGiven = None,
        reasons: Mapping[str, str] | None = None,
    ) -> SynthesizeMe:
        """Refit with new choices of the same person; results that are still valid are reused. Returns this object.

        A known choice with another label or wording replaces the earlier one. ``reasons`` maps choice ids to the
        person's own explanations.
        """
        self._profile = await self._client.aupdate(self.profile, choices, columns=columns, reasons=reasons)
        return self

    # predicting ---------------------------------------------------------------------------------------------------

    @renamed_arguments(sure="max_risk")
    async def acompare(
        self, context: Context, a: str, b: str, *, verdicts: VerdictMode = "reasoned", max_risk: float | None = None
    ) -> Verdict:
        """Predict which response the person prefers: the probability of ``a`` over both orders, or an unscored verdict.

        Args:
            context: the prompt, or the conversation as messages.
            a: the first response.
            b: the second response.
            verdicts: ``reasoned`` includes an explanation; ``token`` costs less.
            max_risk: maximum error rate, in (0, 0.5); less confident pairs are unscored (traits only).
        """
        return await self._client.acompare(self.profile, context, a, b, verdicts=verdicts, max_risk=max_risk)

    async def arank(self, context: Context, responses: Sequence[str], *, verdicts: VerdictMode = "token") -> Ranking:
        """Rank responses, best first, by Bradley–Terry strengths from comparisons in both orders."""
        return await self._client.arank(self.profile, context, responses, verdicts=verdicts)

    async def ascore(self, context: Context, response: str) -> float | None:
        """Reward of one response in log-odds; differences are calibrated with ``traits`` only. None if unscored."""
        return await self._client.ascore(self.profile, context, response)

    async def anext_question(
        self,
        candidates: Candidates,
        top: int = 1,
        *,
        criterion: Criterion = "information",
    ) -> list[Question]:
        """Select the most informative pairs to label next, best first; see `Client.anext_question`."""
        return await self._client.anext_question(self.profile, candidates, top, criterion)

    async def aevaluate(self, test: Choices, *, name: str = "", columns: ColumnsGiven = None) -> Evaluation:
        """Evaluate predictions on the person's held-out choices, with surface baselines.

        Args:
            test: held-out choices of the same person.
            name: name of the test set in the result; default the file's name.
            columns: field → column, as in `afit`.
        """
        return await self._client.aevaluate(self.profile, test, name=name, columns=columns)

    # prompts and files --------------------------------------------------------------------------------------------

    def judge_prompt(
        self, context: Context | None = None, a: str | None = None, b: str | None = None
    ) -> list[dict[str, str]]:
        """Judge prompt for this person as messages for any chat API.

        Without a pair it contains the placeholders ``{{conversation}}``, ``{{response_a}}`` and ``{{response_b}}``.
        """
        return self._client.judge_prompt(self.profile, context, a, b)

    def generation_prompt(self) -> str:
        """System prompt that makes a model answer in the way this person prefers."""
        return self._client.generation_prompt(self.profile)

    def save(self, path: str | Path) -> None:
        """Write the profile to a JSON file. Raises StorageError if it cannot be written."""
        save(self.profile, path)

    async def asave(self, path: str | Path) -> None:
        """Async version of `save`."""
        await in_worker(self.save, path)

    @classmethod
    def load(cls, path: str | Path, **settings: Any) -> SynthesizeMe:
        """Load a saved profile; ``settings`` as for the constructor. Raises ProfileError if it cannot be read."""
        profile = load(path)
        settings = {**asdict(profile.options), **settings}
        model = settings.pop("model", None) or profile.model
        loaded = cls(DEFAULT, **settings)
        loaded._client.model = model  # the endpoint is resolved at the first request: reading a persona needs none
        loaded._profile = profile
        return loaded

    @classmethod
    async def aload(cls, path: str | Path, **settings: Any) -> SynthesizeMe:
        """Async version of `load`."""
        return await in_worker(cls.load, path, **settings)

    async def aclose(self) -> None:
        """Wait for requests in flight, then release connection and cache, which are closed with their last user."""
        await self._client.aclose()

    # synchronous versions -----------------------------------------------------------------------------------------

    fit = blocking(afit)
    """Synchronous `afit`; like all synchronous methods it also works inside a running event loop (notebooks)."""
    update = blocking(aupdate)
    """Synchronous `aupdate`."""
    compare = blocking(acompare)
    """Synchronous `acompare`."""
    rank = blocking(arank)
    """Synchronous `arank`."""
    score = blocking(ascore)
    """Synchronous `ascore`."""
    next_question = blocking(anext_question)
    """Synchronous `anext_question`."""
    evaluate = blocking(aevaluate)
    """Synchronous `aevaluate`."""
    close = blocking(aclose)
    """Synchronous `aclose`."""

    def ask(self, *given: Any, **named: Any) -> list[Question]:
        """Deprecated name of `next_question` (version 0.1)."""
        warn("SynthesizeMe.ask", "SynthesizeMe.next_question")
        return self.next_question(*given, **named)

    async def aask(self, *given: Any, **named: Any) -> list[Question]:
        """Deprecated name of `anext_question` (version 0.1)."""
        warn("SynthesizeMe.aask", "SynthesizeMe.anext_question")
        return await self.anext_question(*given, **named)
