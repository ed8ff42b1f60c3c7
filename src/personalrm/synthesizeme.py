"""One person: their choices in; a persona, a prompt and predictions out. `client.Client` serves many.

    from personalrm import SynthesizeMe

    me = SynthesizeMe().fit("choices.jsonl")                          # embedded engine, no endpoint needed
    me = SynthesizeMe(model="gpt-4o-mini").fit("choices.jsonl")       # any OpenAI-compatible endpoint
    print(me.persona)
    verdict = me.compare("How do I boil an egg?", "Eight minutes.", "Boiling an egg is an art …")
    me.save("me.json")

Every verb has an async twin (`afit`, `acompare`, …). Both kinds work anywhere, also inside a notebook's running loop.
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
from personalrm.renamed import warn
from personalrm.synthesis.persona import persona_text

if TYPE_CHECKING:
    from personalrm.models.acquisition import Criterion, Question


class SynthesizeMe:
    """Learns one person's taste from their choices and predicts the next ones (arXiv 2506.05598).

    Args:
        model: ``traits`` or ``traits+encoder`` for the embedded engine, ``trained:DIR`` for a model that ``train``
            wrote, else a model's name at an OpenAI-compatible endpoint. None takes ``traits``, unless a ``base_url``
            asks for a name.
        base_url: the endpoint; None takes OPENAI_BASE_URL, else OpenAI's.
        api_key: None takes OPENAI_API_KEY.
        preset: ``default``, or ``paper`` for the released algorithm.
        verdicts: ``token`` scores by the answer's letter and its log-probabilities, ``reasoned`` asks to explain.
        samples: reasonings asked for each choice.
        both_orders: a reasoning is verified only if its prediction holds in both orders.
        validation: share of the choices that is held back to check what was learned, in (0, 1).
        seed: random seed.
        verification: false also shows explanations whose prediction was wrong (an ablation).
        selection: false shows every training choice without a competition (an ablation).
        persona_prompt: another instruction for writing the persona; None takes the one that ships.
        cache: file of answers; None takes the user's cache folder.
        concurrency: most requests in flight, over all objects with the same settings.
        max_calls: most requests, over all objects with the same settings.
        max_cost: most US dollars, likewise; needs ``prices``.
        prices: dollars per million tokens.
        timeout: seconds that an answer may take at a quick host; it grows with what a slow one shows it needs.
        max_tokens: the most new tokens of one answer, thoughts included; None lets it grow where answers are cut off.
        reasoning_effort: how much a reasoning model should think.
        refresh: ask again what is in the cache, and keep the new answers.
        population: other people's choices for the embedded engine's prior; None takes the one that ships.
        endpoint: an Endpoint of your own instead of model and base_url.
        answered: called after each answer of the model, for progress.

    Raises:
        DataError: settings that cannot work. StorageError: the cache cannot be opened.
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
        """What predicts: an engine's or a model's name."""
        return self._client.model or DEFAULT

    @property
    def profile(self) -> Profile:
        """Everything learned. PersonalrmError before `fit` or `load`."""
        if self._profile is None:
            raise PersonalrmError("nothing is learned yet: call fit(choices) or SynthesizeMe.load(path) first")
        return self._profile

    @property
    def persona(self) -> str | None:
        """What the person likes, in words; None if nothing could be verified. See ``profile`` for the evidence."""
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
        """Learn again with new choices of the same person; every earlier answer that still applies is reused.

        A choice whose id is known already takes the place of the earlier one, if it differs from it. ``reasons`` say
        why choices were made, by choice id.
        """
        self._profile = await self._client.aupdate(self.profile, choices, columns=columns, reasons=reasons)
        return self

    # predicting ---------------------------------------------------------------------------------------------------

    async def acompare(
        self, context: Context, a: str, b: str, *, verdicts: VerdictMode = "reasoned", sure: float | None = None
    ) -> Verdict:
        """Which response the person prefers: a probability from both orders, and why; or unscored, and why.

        Args:
            context: the prompt, or the conversation as messages.
            a: the first response.
            b: the second response.
            verdicts: ``reasoned`` explains; ``token`` is cheaper.
            sure: largest share of wrong answers, in (0, 0.5): unscored where it is less sure (traits only).
        """
        return await self._client.acompare(self.profile, context, a, b, verdicts=verdicts, sure=sure)

    async def arank(self, context: Context, responses: Sequence[str], *, verdicts: VerdictMode = "token") -> Ranking:
        """Responses best first, by Bradley–Terry strengths over comparisons in both orders."""
        return await self._client.arank(self.profile, context, responses, verdicts=verdicts)

    async def ascore(self, context: Context, response: str) -> float | None:
        """How much the person likes one response, as log-odds (calibrated for differences with ``traits`` only)."""
        return await self._client.ascore(self.profile, context, response)

    async def anext_question(
        self,
        candidates: Candidates,
        top: int = 1,
        *,
        criterion: Criterion = "information",
    ) -> list[Question]:
        """Which pairs this person should be asked next, best first; see `Client.anext_question`."""
        return await self._client.anext_question(self.profile, candidates, top, criterion)

    async def aevaluate(self, test: Choices, *, name: str = "", columns: ColumnsGiven = None) -> Evaluation:
        """How well the person's other choices are predicted, with the surface baselines beside it.

        Args:
            test: choices that were not learned from.
            name: what the result calls them; a file's own name if left out.
            columns: which columns hold what, as in `afit`.
        """
        return await self._client.aevaluate(self.profile, test, name=name, columns=columns)

    # prompts and files --------------------------------------------------------------------------------------------

    def judge_prompt(
        self, context: Context | None = None, a: str | None = None, b: str | None = None
    ) -> list[dict[str, str]]:
        """Messages for any chat API that ask which response this person prefers.

        Without a pair they hold the placeholders ``{{conversation}}``, ``{{response_a}}`` and ``{{response_b}}``.
        """
        return self._client.judge_prompt(self.profile, context, a, b)

    def generation_prompt(self) -> str:
        """A system prompt that makes any model answer the way this person likes."""
        return self._client.generation_prompt(self.profile)

    def save(self, path: str | Path) -> None:
        """Write the profile as one JSON file. StorageError if it cannot be written."""
        save(self.profile, path)

    async def asave(self, path: str | Path) -> None:
        """`save`, to be awaited."""
        await in_worker(self.save, path)

    @classmethod
    def load(cls, path: str | Path, **settings: Any) -> SynthesizeMe:
        """A saved profile, ready to predict; ``settings`` as for the constructor. ProfileError if it cannot be read."""
        profile = load(path)
        settings = {**asdict(profile.options), **settings}
        model = settings.pop("model", None) or profile.model
        loaded = cls(DEFAULT, **settings)
        loaded._client.model = model  # its endpoint is looked for when it is asked: a persona can be read without one
        loaded._profile = profile
        return loaded

    @classmethod
    async def aload(cls, path: str | Path, **settings: Any) -> SynthesizeMe:
        """`load`, to be awaited."""
        return await in_worker(cls.load, path, **settings)

    async def aclose(self) -> None:
        """Wait for requests on their way, then let go of connection and cache; the last one to let go closes them."""
        await self._client.aclose()

    # the same from plain code -------------------------------------------------------------------------------------

    fit = blocking(afit)
    """`afit` from plain code; like all of these, also inside a notebook's running event loop."""
    update = blocking(aupdate)
    """`aupdate` from plain code."""
    compare = blocking(acompare)
    """`acompare` from plain code."""
    rank = blocking(arank)
    """`arank` from plain code."""
    score = blocking(ascore)
    """`ascore` from plain code."""
    next_question = blocking(anext_question)
    """`anext_question` from plain code."""
    evaluate = blocking(aevaluate)
    """`aevaluate` from plain code."""
    close = blocking(aclose)
    """`aclose` from plain code."""

    def ask(self, *given: Any, **named: Any) -> list[Question]:
        """The name of `next_question` until 0.1."""
        warn("SynthesizeMe.ask", "SynthesizeMe.next_question")
        return self.next_question(*given, **named)

    async def aask(self, *given: Any, **named: Any) -> list[Question]:
        """The name of `anext_question` until 0.1."""
        warn("SynthesizeMe.aask", "SynthesizeMe.anext_question")
        return await self.anext_question(*given, **named)
