"""What is compared: methods by name.

    method = method_named("traits", Setup(seed=0))
    predictor = await method.learn(lambda: plan.population_of(0), 0)     # once a fold
    prediction = await predictor.predict(task)                           # once a task: a judgement for each question

Names: longer, shorter, first, random, population, traits, each of the last two also with +encoder, judge:NAME for the
verdicts of an LLM judge that lie in the data, the trained models of `bench.trained`, and every judge of
`personalrm.models.judges`, which ask a language model (default, synthesizeme, …). Another judge is one more file there;
another family is one more entry of ``OFFLINE``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from personalrm.bench import origins, trained
from personalrm.bench.origins import Origins
from personalrm.bench.predicting import Method, Population, Prediction, Predictor
from personalrm.bench.protocols import Question, Task
from personalrm.errors import DataError
from personalrm.models.base import PreferenceModel
from personalrm.models.registry import TRAINED
from personalrm.models.surface import First, Longer, Random, Shorter
from personalrm.preferences import Verdict

if TYPE_CHECKING:
    from personalrm.llm.endpoint import Endpoint
    from personalrm.models.traits import TraitsModel
    from personalrm.models.traits.reader import TraitReader
    from personalrm.profile.options import Options

JUDGE = "judge:"
NOT_PERSONAL = ("default", "demographics", "stated")
"""Judges that learn nothing from choices: how much could be learned makes no difference to them."""
_REMEMBERED = 131_072
"""Rows of traits that a run remembers: 70 MB, both responses of 65,000 choices."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What methods are made from.

    Attributes:
        seed: of everything random.
        endpoint: the language model, for the methods that ask one.
        options: how those fit a person; the default preset with this seed if None.
        training: how models are trained, for the methods that are.
        populations: population models already fitted; methods of one run share them.
    """

    seed: int = 0
    endpoint: Endpoint | None = None
    options: Options | None = None
    training: trained.Training = field(default_factory=trained.Training)
    populations: Populations = field(default_factory=lambda: Populations())


Family = Callable[[str, Setup], Method]


def method_named(name: str, setup: Setup) -> Method:
    """The method of that name; DataError names the known ones."""
    family = OFFLINE.get(name) or next(
        (PREFIXES[one] for one in PREFIXES if name.startswith(one) and name != one), None
    )
    if family is not None:
        return family(name, setup)
    if name in _judges():
        return _language_model(name, setup)
    raise DataError(f"there is no method '{name}'; known are {', '.join(method_names())}")


def method_names() -> list[str]:
    """All names; ``judge:NAME`` stands for the judges whose verdicts are in the data, ``trained:DIR`` for folders."""
    return [*OFFLINE, *_judges(), f"{JUDGE}NAME", f"{TRAINED}DIR"]


def asks(name: str) -> bool:
    """Whether the method of that name asks a language model, and so exists once for each model."""
    return name not in OFFLINE and not name.startswith(tuple(PREFIXES))


def _judges() -> Iterable[str]:
    from personalrm.models.judges import judges  # brings the whole synthesis

    return judges()


@dataclass(frozen=True, slots=True)
class _Offline:
    """A method that asks no language model."""

    name: str
    model: str
    probabilistic: bool
    personal: bool
    learning: Callable[[Population, int], Predictor]
    origin: Origins = origins.nothing
    asks: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)

    async def learn(self, population: Population, fold: int) -> Predictor:
        return self.learning(population, fold)


@dataclass(frozen=True, slots=True)
class EachQuestion:
    """A predictor that fits a model to the person and asks it question by question."""

    model: PreferenceModel

    async def predict(self, task: Task) -> Prediction:
        fitted = self.model.fit(task.history)
        return Prediction([fitted.compare(one.context, one.a, one.b) for one in task.questions])


@dataclass(frozen=True, slots=True)
class _Traits:
    """The embedded engine; as it stands for everyone, or fitted to the person."""

    model: TraitsModel
    personal: bool

    async def predict(self, task: Task) -> Prediction:
        fitted = self.model.fit(task.history) if self.personal and len(task.history) else self.model
        probabilities = fitted.compare_many([(one.context, one.a, one.b) for one in task.questions])
        return Prediction([Verdict(float(one)) for one in probabilities])


@dataclass(frozen=True, slots=True)
class _Cached:
    """The verdicts of one judge that lie in the data."""

    judge: str

    async def predict(self, task: Task) -> Prediction:
        return Prediction([self._verdict(one) for one in task.questions])

    def _verdict(self, question: Question) -> Verdict:
        side = question.judges.get(self.judge)
        if side is None:
            return Verdict(None, unscored="no cached verdict")
        return Verdict(1.0 if side == "a" else 0.0)


def _surface(name: str, setup: Setup) -> Method:
    models: dict[str, PreferenceModel] = {
        "longer": Longer(),
        "shorter": Shorter(),
        "first": First(),
        "random": Random(setup.seed),
    }
    return _Offline(name, name, False, False, lambda population, fold: EachQuestion(models[name]))


def _traits(name: str, setup: Setup) -> Method:
    personal, encoder = name.startswith("traits"), name.endswith("+encoder")

    def learning(population: Population, fold: int) -> Predictor:
        return _Traits(setup.populations.of(population, fold, encoder, setup.seed), personal)

    return _Offline(
        name, "traits+encoder" if encoder else "traits", True, personal, learning, origins.of_traits(encoder)
    )


class Populations:
    """Population models by fold and kind, each learned once. They share one reader, so no text is read twice."""

    def __init__(self) -> None:
        self._models: dict[tuple[int, bool], TraitsModel] = {}
        self._reader: TraitReader | None = None

    def of(self, population: Population, fold: int, encoder: bool, seed: int) -> TraitsModel:
        """The model of a fold."""
        if (fold, encoder) not in self._models:
            self._models[fold, encoder] = self._learned(population, encoder, seed)
        return self._models[fold, encoder]

    def _learned(self, population: Population, encoder: bool, seed: int) -> TraitsModel:
        from personalrm.models.traits import TraitsModel  # pulls in the numerical stack
        from personalrm.models.traits.reader import TraitReader

        self._reader = self._reader or TraitReader(remember=_REMEMBERED)
        people = iter(population())
        first = next(people, None)
        if first is None:  # one person alone: the prior that ships with the package
            return TraitsModel.shipped(encoder=encoder)
        return TraitsModel.from_population(chain([first], people), encoder=encoder, seed=seed, reader=self._reader)


def _judge(name: str, setup: Setup) -> Method:
    judge = name.removeprefix(JUDGE)
    return _Offline(name, judge, False, False, lambda population, fold: _Cached(judge))


def _learned(name: str, setup: Setup) -> Method:
    features = setup.training.features
    learning = trained.learned(name, setup.training, setup.seed)
    return _Offline(name, features, True, True, learning, origins.of_learned(features))


def _bradley_terry(name: str, setup: Setup) -> Method:
    learning = trained.bradley_terry(name, setup.training, setup.seed)
    backbone = setup.training.backbone
    return _Offline(name, backbone, True, name != trained.BRADLEY_TERRY, learning, origins.of_backbone(backbone))


def _saved(name: str, setup: Setup) -> Method:
    learning = trained.saved(name, setup.training, setup.seed)
    return _Offline(name, name, True, True, learning, origins.of_folder(name))


def _language_model(name: str, setup: Setup) -> Method:
    from personalrm.bench.judges import JudgeMethod
    from personalrm.profile.options import Options

    if setup.endpoint is None:
        raise DataError(f"method '{name}' asks a language model: name it with --model (and --base-url)")
    return JudgeMethod(name, setup.endpoint, setup.options or Options(seed=setup.seed), name not in NOT_PERSONAL)


OFFLINE: Mapping[str, Family] = {
    "longer": _surface,
    "shorter": _surface,
    "first": _surface,
    "random": _surface,
    "population": _traits,
    "traits": _traits,
    "population+encoder": _traits,
    "traits+encoder": _traits,
    **dict.fromkeys((*trained.LEARNED, *trained.PUBLISHED), _learned),
    **dict.fromkeys((trained.BRADLEY_TERRY, *trained.PROMPTED), _bradley_terry),
}
"""Which factory makes a method that asks no language model."""
PREFIXES: Mapping[str, Family] = {JUDGE: _judge, TRAINED: _saved}
"""The same for names that begin so."""
SURFACE = ("longer", "shorter", "first", "random")
