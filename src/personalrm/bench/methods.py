"""What is compared: methods by name.

    method = method_named("traits", Setup(seed=0))
    predictor = await method.learn(fold.population, fold.number)    # once a fold
    verdicts = await predictor.predict(task)                        # once a task: a Verdict for each question, in order

Names: longer, shorter, first, random, population, traits, each of the last two also with +encoder, judge:NAME for the
verdicts of an LLM judge that lie in the data, and default and synthesizeme, which ask a language model. Another family
is one more entry of ``FAMILIES``: its `predict` may await as long as it likes, the runner keeps many tasks under way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from personalrm.bench.protocols import Question, Task
from personalrm.errors import DataError
from personalrm.models.base import PreferenceModel
from personalrm.models.surface import First, Longer, Random, Shorter
from personalrm.preferences import History, Verdict
from personalrm.synthesis.profile import Spend

if TYPE_CHECKING:
    from personalrm.llm.endpoint import Endpoint
    from personalrm.models.traits import TraitsModel
    from personalrm.synthesis.options import Options

JUDGE = "judge:"


class Predictor(Protocol):
    """A method that has seen the population of one fold."""

    async def predict(self, task: Task) -> Sequence[Verdict]:
        """Learn from ``task.history`` and give a verdict on each of ``task.questions``, in their order."""
        ...


class Method(Protocol):
    """A way to predict choices.

    Attributes:
        name: as asked for.
        model: the model behind it: "traits", an LLM's name, or the name itself.
        probabilistic: whether its probabilities mean more than the side they favour; if not, there is no log loss.
        prompts: hash of each prompt it uses, by name.
    """

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def probabilistic(self) -> bool: ...
    @property
    def prompts(self) -> Mapping[str, str]: ...

    async def learn(self, population: Sequence[History], fold: int) -> Predictor:
        """Learn from other people's whole histories; ``fold`` tells populations apart."""
        ...

    def spend(self) -> Spend:
        """What was asked of a language model so far."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What methods are made from.

    Attributes:
        seed: of everything random.
        endpoint: the language model, for the methods that ask one.
        options: how those fit a person; the default preset with this seed if None.
        populations: population models already fitted, by fold and kind; methods of one run share it.
    """

    seed: int = 0
    endpoint: Endpoint | None = None
    options: Options | None = None
    populations: dict[tuple[int, bool], TraitsModel] = field(default_factory=dict)


Family = Callable[[str, Setup], Method]


def method_named(name: str, setup: Setup) -> Method:
    """The method of that name; DataError names the known ones."""
    family = FAMILIES.get(JUDGE if name.startswith(JUDGE) else name)
    if family is None or name == JUDGE:
        raise DataError(f"there is no method '{name}'; known are {', '.join(FAMILIES)}NAME")
    return family(name, setup)


@dataclass(frozen=True, slots=True)
class _Offline:
    """A method that asks no language model."""

    name: str
    model: str
    probabilistic: bool
    learning: Callable[[Sequence[History], int], Predictor]
    prompts: Mapping[str, str] = field(default_factory=dict)

    async def learn(self, population: Sequence[History], fold: int) -> Predictor:
        return self.learning(population, fold)

    def spend(self) -> Spend:
        return Spend(cost=0.0)


@dataclass(frozen=True, slots=True)
class EachQuestion:
    """A predictor that fits a model to the person and asks it question by question."""

    model: PreferenceModel

    async def predict(self, task: Task) -> Sequence[Verdict]:
        fitted = self.model.fit(task.history)
        return [fitted.compare(one.context, one.a, one.b) for one in task.questions]


@dataclass(frozen=True, slots=True)
class _Traits:
    """The embedded engine; as it stands for everyone, or fitted to the person."""

    model: TraitsModel
    personal: bool

    async def predict(self, task: Task) -> Sequence[Verdict]:
        fitted = self.model.fit(task.history) if self.personal and len(task.history) else self.model
        probabilities = fitted.compare_many([(one.context, one.a, one.b) for one in task.questions])
        return [Verdict(float(one)) for one in probabilities]


@dataclass(frozen=True, slots=True)
class _Cached:
    """The verdicts of one judge that lie in the data."""

    judge: str

    async def predict(self, task: Task) -> Sequence[Verdict]:
        return [self._verdict(one) for one in task.questions]

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
    return _Offline(name, name, False, lambda population, fold: EachQuestion(models[name]))


def _traits(name: str, setup: Setup) -> Method:
    personal, encoder = name.startswith("traits"), name.endswith("+encoder")

    def learning(population: Sequence[History], fold: int) -> Predictor:
        if (fold, encoder) not in setup.populations:
            setup.populations[fold, encoder] = _population_model(population, encoder, setup.seed)
        return _Traits(setup.populations[fold, encoder], personal)

    return _Offline(name, "traits+encoder" if encoder else "traits", True, learning)


def _population_model(population: Sequence[History], encoder: bool, seed: int) -> TraitsModel:
    from personalrm.models.traits import TraitsModel  # pulls in the numerical stack

    if not population:  # one person alone: the prior that ships with the package
        return TraitsModel.shipped(encoder=encoder)
    return TraitsModel.from_population(population, encoder=encoder, seed=seed)


def _judge(name: str, setup: Setup) -> Method:
    judge = name.removeprefix(JUDGE)
    return _Offline(name, judge, False, lambda population, fold: _Cached(judge))


def _language_model(name: str, setup: Setup) -> Method:
    from personalrm.bench.judges import judge_method  # brings the whole synthesis
    from personalrm.synthesis.options import Options

    return judge_method(name, setup.endpoint, setup.options or Options(seed=setup.seed))


FAMILIES: Mapping[str, Family] = {
    "longer": _surface,
    "shorter": _surface,
    "first": _surface,
    "random": _surface,
    "population": _traits,
    "traits": _traits,
    "population+encoder": _traits,
    "traits+encoder": _traits,
    "default": _language_model,
    "synthesizeme": _language_model,
    JUDGE: _judge,
}
"""Which factory makes the method of a name; ``judge:`` is a prefix."""
SURFACE = ("longer", "shorter", "first", "random")
