"""Benchmark methods by name. `models.registry` defines the names.

method = method_named("traits", Setup(seed=0))
predictor = await method.learn(lambda: plan.population_of(0), 0)     # once a fold
prediction = await predictor.predict(task)                           # once a task: a verdict for each question
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from personalrm.bench import origins
from personalrm.bench.answers import TASTE
from personalrm.bench.origins import Origins
from personalrm.bench.protocols import Method, Population, Prediction, Question, Task, TaskPredictor
from personalrm.errors import DataError
from personalrm.models.base import LocalModel
from personalrm.models.from_population import Recipe
from personalrm.models.registry import RECORDED, Registration, entry_of, judge_named
from personalrm.models.worker import in_fitting_worker
from personalrm.preferences import Pair, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from personalrm.llm.endpoint import Endpoint
    from personalrm.profile.options import Options


@dataclass(frozen=True, slots=True)
class Setup:
    """Arguments from which methods are created.

    Attributes:
        seed: random seed.
        endpoint: the language model, for the methods that ask one.
        options: options for fitting a judge to a user; the default preset with this seed if None.
        recipe: how models are learned from a population, shared by the methods of a run; the default if None.
    """

    seed: int = 0
    endpoint: Endpoint | None = None
    options: Options | None = None
    recipe: Recipe | None = None


def method_named(name: str, setup: Setup) -> Method:
    """Create the method of that name. Raises DataError, which lists the known names, for an unknown one."""
    entry = entry_of(name)
    if entry.kind == "judge":
        return _judge(name, entry, setup)
    if entry.kind == "recorded":
        return RecordedVerdicts(name, name.removeprefix(RECORDED))
    recipe = setup.recipe or Recipe(setup.seed)
    if entry.kind == "fused":
        fused: Method = entry.load()(name, recipe)
        return fused
    named = {"features": recipe.training.features, "backbone": recipe.training.backbone}
    model = named.get(entry.model, entry.model or name)
    origin = _origin(name, entry, recipe)
    side_by_side = entry.home.rpartition(":")[2] == "traits"
    return LocalMethod(name, model, entry.probabilistic, entry.personal, recipe, entry.load(), origin, side_by_side)


def _origin(name: str, entry: Registration, recipe: Recipe) -> Origins:
    """Function that returns the origin of the method's model."""
    training = recipe.training
    made: Mapping[str, Callable[[], Origins]] = {
        "traits": lambda: origins.of_traits(name.endswith("+encoder")),
        "learned": lambda: origins.of_learned(training.features),
        "bradley_terry": lambda: origins.of_backbone(training.backbone),
        "saved": lambda: origins.of_folder(name),
    }
    return made.get(entry.home.rpartition(":")[2], lambda: origins.nothing)()


def asks(name: str) -> bool:
    """Whether the method of that name asks a language model; a run then has one line for each model."""
    return entry_of(name).kind == "judge"


def _judge(name: str, entry: Registration, setup: Setup) -> Method:
    from personalrm.bench.judges import JudgeMethod
    from personalrm.profile.options import Options

    if setup.endpoint is None:
        raise DataError(f"method '{name}' asks a language model: name it with --model (and --base-url)")
    judge_named(name)  # raises for an unknown judge before any call is made
    options = setup.options or Options(seed=setup.seed)
    return JudgeMethod(name, setup.endpoint, options, entry.personal, recipe=setup.recipe)


@dataclass(frozen=True, slots=True)
class LocalMethod:
    """A method with a local model, which learns from the population of a fold and then from each user.

    ``side_by_side``: the populations of two folds may be learned at once, each on one core; models that are trained
    with PyTorch use all of them.
    """

    name: str
    model: str
    probabilistic: bool
    personal: bool
    recipe: Recipe
    make: Callable[[str, Recipe, Population, int], LocalModel]
    origin: Origins = origins.nothing
    side_by_side: bool = False
    asks: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)

    async def learn(self, population: Population, fold: int) -> _Fitting:
        """Learn from the population in a worker thread, so that the event loop is not blocked."""
        return _Fitting(await in_fitting_worker(self.make, self.name, self.recipe, population, fold), self.personal)


@dataclass(frozen=True, slots=True)
class _Fitting:
    """A local model fitted to the population of a fold."""

    model: LocalModel
    personal: bool

    async def predict(self, task: Task) -> Prediction:
        return (await self.predict_many([task]))[0]

    async def predict_many(self, tasks: Sequence[Task]) -> list[Prediction]:
        return await in_fitting_worker(self._predicted, tasks)

    def _predicted(self, tasks: Sequence[Task]) -> list[Prediction]:
        if not self.personal:
            pairs = [pair for task in tasks for pair in _pairs(task)]
            probabilities = iter(self.model.compare_many(pairs).tolist())
            return [Prediction([Verdict(next(probabilities)) for _ in task.questions]) for task in tasks]
        from personalrm.models.traits import TraitsModel, predict_parts  # numpy, 0.1 s

        if isinstance(self.model, TraitsModel):
            parts = predict_parts(self.model, [(task.history, _pairs(task)) for task in tasks])
            return [
                _prediction(one.probabilities, one.distance if len(task.history) else None)
                for task, one in zip(tasks, parts, strict=True)
            ]
        return [self._fitted(task) for task in tasks]

    def _fitted(self, task: Task) -> Prediction:
        fitted = self.model.fit(task.history) if len(task.history) else self.model
        distance = None if fitted is self.model else getattr(fitted, "distance", None)
        return _prediction(fitted.compare_many(_pairs(task)), distance)


def _pairs(task: Task) -> list[Pair]:
    return [(one.context, one.a, one.b) for one in task.questions]


def _prediction(probabilities: NDArray[np.float64], distance: float | None) -> Prediction:
    """Prediction from probabilities, with the distance of the user's taste from the population mean if known."""
    learned = {} if distance is None else {TASTE: round(distance, 4)}
    return Prediction([Verdict(one) for one in probabilities.tolist()], learned=learned)


@dataclass(frozen=True, slots=True)
class RecordedVerdicts:
    """A method that returns the cached verdicts of one LLM judge in the data."""

    name: str
    model: str
    probabilistic: bool = False
    personal: bool = False
    asks: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)

    async def learn(self, population: Population, fold: int) -> TaskPredictor:
        """Return self; nothing is learned."""
        return self

    async def predict(self, task: Task) -> Prediction:
        """The cached verdict on each question; a pair without one is unscored."""
        return Prediction([self._verdict(one) for one in task.questions])

    def _verdict(self, question: Question) -> Verdict:
        side = question.judges.get(self.model)
        if side is None:
            return Verdict(None, unscored="no cached verdict")
        return Verdict(1.0 if side == "a" else 0.0)
