"""The front door: one person's choices in; a persona, a prompt and predictions out.

    from personalrm import SynthesizeMe

    me = SynthesizeMe().fit("choices.jsonl")                          # embedded engine, no endpoint needed
    me = SynthesizeMe(model="gpt-4o-mini").fit("choices.jsonl")       # any OpenAI-compatible endpoint
    print(me.persona)
    verdict = me.compare("How do I boil an egg?", "Eight minutes.", "Boiling an egg is an art …")
    me.save("me.json")

Every verb has an async twin (`afit`, `acompare`, …). Both kinds work anywhere, also inside a notebook's running loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from personalrm import prompts
from personalrm.bench.evaluation import Evaluation, evaluate
from personalrm.data.merging import distinct, merged
from personalrm.data.reading import read_history
from personalrm.errors import DataError, PersonalrmError, SeveralPeople
from personalrm.llm import background_loop
from personalrm.llm.connect import Settings, shared
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.language_model import LanguageModel, UsageMeter
from personalrm.llm.ledger import Prices
from personalrm.models.engines import (
    TRAINED,
    TRAITS,
    Engine,
    JudgeEngine,
    Population,
    ProgressEndpoint,
    TraitsEngine,
    is_local,
)
from personalrm.models.judges.pair_judge import Ranking
from personalrm.preferences import ME, History, Message, Preference, Verdict
from personalrm.profile.file import load, save
from personalrm.profile.options import Options, Preset, VerdictMode
from personalrm.profile.records import Profile
from personalrm.profile.spend import Spend
from personalrm.synthesis import prompting
from personalrm.synthesis.persona import persona_text

if TYPE_CHECKING:
    from personalrm.data.candidates import Candidate
    from personalrm.models.acquisition import Criterion, Question

Context = str | Sequence[Message] | Sequence[dict[str, str]]
Choices = History | Sequence[Preference] | str | Path


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
        seed: of everything that is drawn.
        verification: false also shows explanations whose prediction was wrong (an ablation).
        selection: false shows every training choice without a competition (an ablation).
        persona_prompt: another instruction for writing the persona; None takes the one that ships.
        cache: file of answers; None takes the user's cache folder.
        concurrency: most requests in flight, over all objects with the same settings.
        max_calls: most requests, over all objects with the same settings.
        max_cost: most US dollars, likewise; needs ``prices``.
        prices: dollars per million tokens.
        timeout: seconds that one attempt at a request may take.
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
        population: Population | None = None,
        endpoint: Endpoint | None = None,
        answered: Callable[[], None] | None = None,
    ) -> None:
        if model is not None and not model.strip():
            raise DataError("--model: expected 'traits' or a model's name, found an empty text")
        if model is None and base_url is not None:
            raise DataError("--base-url names a host but no model: add --model NAME")
        self.model = model or (endpoint.model if endpoint is not None else "traits")
        self._options = _possible(
            Options(preset, verdicts, samples, both_orders, validation, seed, verification, selection, persona_prompt)
        )
        self._settings = Settings(base_url, api_key, cache, concurrency, max_calls, max_cost, prices, timeout)
        self._population, self._endpoint, self._answered = population, endpoint, answered
        self._connection: LanguageModel | None = None
        self._profile: Profile | None = None
        if not is_local(self.model) and endpoint is None:
            self._settings.resolved()  # says now what would fail later

    # learning -----------------------------------------------------------------------------------------------------

    def fit(self, history: Choices) -> SynthesizeMe:
        """Learn from one person's choices: a History, a list of Preference, or a file. Returns this object, fitted."""
        return background_loop.run(self._fit(history))

    async def afit(self, history: Choices) -> SynthesizeMe:
        """`fit`, to be awaited."""
        return await background_loop.join(self._fit(history))

    def update(self, choices: Choices) -> SynthesizeMe:
        """Learn again with new choices of the same person; every earlier answer that still applies is reused.

        A choice that is known already takes the place of the earlier one, if it differs from it (see
        `personalrm.data.merging`: ids are compared within a source, and the texts with them).
        """
        return background_loop.run(self._update(choices))

    async def aupdate(self, choices: Choices) -> SynthesizeMe:
        """`update`, to be awaited."""
        return await background_loop.join(self._update(choices))

    # what was learned ---------------------------------------------------------------------------------------------

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

    def judge_prompt(
        self, context: Context | None = None, a: str | None = None, b: str | None = None
    ) -> list[dict[str, str]]:
        """Messages for any chat API that ask which response this person prefers.

        Without a pair they hold the placeholders ``{{conversation}}``, ``{{response_a}}`` and ``{{response_b}}``.
        """
        turns = None if context is None else _context(context)
        return prompting.judge_prompt(self.profile, turns, a, b)

    def generation_prompt(self) -> str:
        """A system prompt that makes any model answer the way this person likes."""
        return prompting.generation_prompt(self.profile)

    def save(self, path: str | Path) -> None:
        """Write the profile as one JSON file. StorageError if it cannot be written."""
        save(self.profile, path)

    async def asave(self, path: str | Path) -> None:
        """`save`, to be awaited."""
        self.save(path)

    @classmethod
    def load(cls, path: str | Path, **settings: Any) -> SynthesizeMe:
        """A saved profile, ready to predict; ``settings`` as for the constructor. ProfileError if it cannot be read."""
        profile = load(path)
        settings = {**asdict(profile.options), **settings}
        model = settings.pop("model", None) or profile.model
        loaded = cls(TRAITS[0], **settings)
        loaded.model = model  # its endpoint is looked for when it is asked: a persona can be read without one
        loaded._profile = profile
        return loaded

    @classmethod
    async def aload(cls, path: str | Path, **settings: Any) -> SynthesizeMe:
        """`load`, to be awaited."""
        return cls.load(path, **settings)

    # predicting ---------------------------------------------------------------------------------------------------

    def compare(self, context: Context, a: str, b: str, *, verdicts: VerdictMode = "reasoned") -> Verdict:
        """Which response the person prefers: a probability from both orders, and why; or unscored, and why.

        Args:
            context: the prompt, or the conversation as messages.
            a, b: the two responses.
            verdicts: ``reasoned`` explains; ``token`` is cheaper.
        """
        return background_loop.run(self._compare(context, a, b, verdicts))

    async def acompare(self, context: Context, a: str, b: str, *, verdicts: VerdictMode = "reasoned") -> Verdict:
        """`compare`, to be awaited."""
        return await background_loop.join(self._compare(context, a, b, verdicts))

    def rank(self, context: Context, responses: Sequence[str]) -> Ranking:
        """Responses best first, by Bradley–Terry strengths over comparisons in both orders."""
        return background_loop.run(self._rank(context, responses))

    async def arank(self, context: Context, responses: Sequence[str]) -> Ranking:
        """`rank`, to be awaited."""
        return await background_loop.join(self._rank(context, responses))

    def score(self, context: Context, response: str) -> float | None:
        """How much the person likes one response, as log-odds (calibrated for differences with ``traits`` only)."""
        return background_loop.run(self._score(context, response))

    async def ascore(self, context: Context, response: str) -> float | None:
        """`score`, to be awaited."""
        return await background_loop.join(self._score(context, response))

    def ask(
        self,
        candidates: str | Path | Iterable[Candidate | Preference],
        top: int = 1,
        *,
        criterion: Criterion = "information",
    ) -> list[Question]:
        """Which pairs this person should be asked next, best first; the profile stays as it is.

        Args:
            candidates: a file of pairs or choices, or a list of them; who won, if it is said, is not looked at. Pairs
                that are answered already are left out.
            top: how many.
            criterion: ``information`` about the person, about the answers to all candidates (``prediction``), or PReF's
                (``pref``).

        Raises:
            ProfileError: the profile does not say how unsure it is.
        """
        return background_loop.run(self._ask(candidates, top, criterion))

    async def aask(
        self,
        candidates: str | Path | Iterable[Candidate | Preference],
        top: int = 1,
        *,
        criterion: Criterion = "information",
    ) -> list[Question]:
        """`ask`, to be awaited."""
        return await background_loop.join(self._ask(candidates, top, criterion))

    def evaluate(self, test: Choices, *, name: str = "") -> Evaluation:
        """How well the person's other choices are predicted, with the surface baselines beside it.

        Args:
            test: choices that were not learned from.
            name: what the result calls them; a file's own name if left out.
        """
        return background_loop.run(self._evaluate(test, name))

    async def aevaluate(self, test: Choices, *, name: str = "") -> Evaluation:
        """`evaluate`, to be awaited."""
        return await background_loop.join(self._evaluate(test, name))

    # the work, in the package's own loop --------------------------------------------------------------------------

    async def _fit(self, choices: Choices) -> SynthesizeMe:
        self._profile = await self._engine().fit(_history(choices))
        return self

    async def _update(self, choices: Choices) -> SynthesizeMe:
        old = self.profile
        history, changed = merged(old.history, _of_same(_history(choices, old.user), old.user))
        same = old.model == self.model and old.prompts == prompts.hashes()
        reasonings = {one.choice: one for one in old.reasonings if one.choice not in changed} if same else {}
        self._profile = await self._engine().fit(history, reasonings)
        return self

    async def _compare(self, context: Context, a: str, b: str, verdicts: VerdictMode) -> Verdict:
        _texts(a, b)
        return await self._engine().predictor(self.profile).compare(_context(context), a, b, verdicts)

    async def _rank(self, context: Context, responses: Sequence[str]) -> Ranking:
        if not responses or isinstance(responses, str):
            raise DataError("rank needs a list of at least one response")
        _texts(*responses)
        return await self._engine().predictor(self.profile).rank(_context(context), responses)

    async def _score(self, context: Context, response: str) -> float | None:
        _texts(response)
        return await self._engine().predictor(self.profile).score(_context(context), response)

    async def _ask(
        self, candidates: str | Path | Iterable[Candidate | Preference], top: int, criterion: Criterion
    ) -> list[Question]:
        from personalrm.data.candidates import Candidate, read_candidates
        from personalrm.models.acquisition import ask  # numpy, 0.1 s

        given = read_candidates(candidates) if isinstance(candidates, str | Path) else candidates
        pairs = [Candidate.of(one) if isinstance(one, Preference) else one for one in given]
        return ask(self.profile, pairs, top=top, criterion=criterion)

    async def _evaluate(self, test: Choices, name: str) -> Evaluation:
        history = _history(test, self.profile.user)
        meter = UsageMeter(self._asked()) if not is_local(self.model) else None
        predictor = self._engine(meter).predictor(self.profile)

        async def predict(context: Sequence[Message], a: str, b: str) -> Verdict:
            return await predictor.compare(context, a, b, self._options.verdicts)

        return await evaluate(
            predict,
            history,
            name=self.model if meter is None else "synthesizeme",
            model=self.model,
            spend=Spend if meter is None else meter.spend,
            seed=self.profile.seed,
            data=name or (Path(test).name if isinstance(test, str | Path) else ""),
        )

    def _engine(self, endpoint: Endpoint | None = None) -> Engine:
        if self.model.startswith(TRAINED) and self._endpoint is None:
            from personalrm.models.trained_engine import TrainedEngine  # torch, 3 s

            return TrainedEngine(self.model.removeprefix(TRAINED))
        if self.model in TRAITS and self._endpoint is None:
            return TraitsEngine(self._population, self.model.endswith("+encoder"), self._options.seed)
        return JudgeEngine(endpoint or self._asked(), self._options)

    def _asked(self) -> Endpoint:
        """The endpoint, connected at first use (in the package's own loop)."""
        if self._endpoint is None:
            connection = self._connection = shared(self.model, self._settings)
            self._endpoint = connection if self._answered is None else ProgressEndpoint(connection, self._answered)
        return self._endpoint

    async def aclose(self) -> None:
        """Wait for requests on their way, then let go of connection and cache; the last one to let go closes them."""
        await background_loop.join(self._close())

    def close(self) -> None:
        """`aclose`, from plain code."""
        background_loop.run(self._close())

    async def _close(self) -> None:
        endpoint, connection = self._endpoint, self._connection
        if connection is not None:  # others with the same settings may be asking through it
            await connection.drain()
        elif endpoint is not None:
            await endpoint.aclose()
        self._endpoint = self._connection = None


def _possible(options: Options) -> Options:
    """The options; DataError if no fit is possible with them."""
    for name, value, known in (
        ("preset", options.preset, get_args(Preset)),
        ("verdicts", options.verdicts, get_args(VerdictMode)),
    ):
        if value not in known:
            raise DataError(f"{name}: expected {' or '.join(known)}, found '{value}'")
    if options.samples < 1:
        raise DataError(f"samples: expected at least 1 reasoning for each choice, found {options.samples}")
    if not 0.0 < options.validation < 1.0:
        raise DataError(f"validation: expected a share between 0 and 1, found {options.validation}")
    if options.persona_prompt is not None and not options.persona_prompt.strip():
        raise DataError("persona_prompt: expected an instruction, found an empty text")
    if options.seed < 0:
        raise DataError(f"seed: expected a whole number from 0 on, found {options.seed}")
    return options


def _texts(*responses: str) -> None:
    for one in responses:
        if not isinstance(one, str):
            raise DataError(f"a response must be a text, found {type(one).__name__}")


def _context(context: Context) -> tuple[Message, ...]:
    """A prompt or messages in any of the forms people have."""
    if isinstance(context, str):
        return (Message("user", context),) if context else ()
    try:
        return tuple(one if isinstance(one, Message) else Message(one["role"], one["content"]) for one in context)
    except (TypeError, KeyError):
        raise DataError("the context must be a text or messages with 'role' and 'content'") from None


def _history(choices: Choices, user: str | None = None) -> History:
    if isinstance(choices, str | Path):
        return _of_person(choices, user)
    given = tuple(choices) if isinstance(choices, Iterable) else (choices,)
    if not all(isinstance(one, Preference) for one in given):
        raise DataError("expected a file, a History or a list of Preference: read_choices(path) makes them from rows")
    listed = _distinct(given)
    people = sorted({one.user for one in listed})
    if len(people) > 1:
        raise DataError(f"the choices are of {len(people)} people ({', '.join(people[:5])}): give one person's")
    if isinstance(choices, History):
        return choices.only(listed)
    return History(people[0] if people else user or "me", listed)


def _distinct(choices: Iterable[Preference]) -> tuple[Preference, ...]:
    """The choices without repetitions. DataError if a text cannot be written."""
    found = distinct(choices)
    for one in found:
        try:
            "".join(
                [one.id, one.chosen, one.rejected, one.reason or "", *(turn.content for turn in one.context)]
            ).encode()
        except UnicodeEncodeError:
            raise DataError(
                f"choice '{one.id}' holds half a surrogate pair (a broken emoji), which is no text"
            ) from None
    return found


def _of_person(path: str | Path, user: str | None) -> History:
    """The named person's choices, or those of the only person in a file that names nobody."""
    try:
        alone = read_history(path)
    except SeveralPeople:
        return read_history(path, user)
    return alone if user is None or ME in (alone.user, user) else read_history(path, user)


def _of_same(history: History, user: str) -> History:
    """The choices; DataError if they are another person's."""
    if len(history) and history.user != user and ME not in (history.user, user):
        raise DataError(f"the choices are of '{history.user}', the profile is of '{user}': fit one for each")
    return history
