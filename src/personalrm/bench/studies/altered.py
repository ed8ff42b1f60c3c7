"""Methods that learn from perturbed choices, for causal checks.

    PerturbedMethod(method, "labels flipped", flipped)
    PerturbedMethod(method, "another person's choices", swapped(people))

This is the only place in the project where another person's choices enter a prompt: the check measures whether it
matters whose choices they are. It runs on a research data set, never for a user of a service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from personalrm.bench.origins import Origins, nothing
from personalrm.bench.protocols import Method, Population, Prediction, Task, TaskPredictor, newest
from personalrm.preferences import History
from personalrm.privacy import refuse_mixing

Change = Callable[[Task], History]


@dataclass(frozen=True)
class PerturbedMethod:
    """A method whose history is perturbed before it learns; everything else is delegated to the method."""

    method: Method
    what: str
    change: Change

    @property
    def name(self) -> str:
        return f"{self.method.name}, {self.what}"

    @property
    def model(self) -> str:
        return self.method.model

    @property
    def probabilistic(self) -> bool:
        return self.method.probabilistic

    @property
    def personal(self) -> bool:
        return self.method.personal

    @property
    def asks(self) -> bool:
        return self.method.asks

    @property
    def origin(self) -> Origins:
        return getattr(self.method, "origin", nothing)

    @property
    def prompts(self) -> Mapping[str, str]:
        return self.method.prompts

    async def learn(self, population: Population, fold: int) -> TaskPredictor:
        return _Changing(await self.method.learn(population, fold), self.change)


@dataclass(frozen=True)
class _Changing:
    predictor: TaskPredictor
    change: Change

    async def predict(self, task: Task) -> Prediction:
        return await self.predictor.predict(replace(task, history=self.change(task)))


def flipped(task: Task) -> History:
    """The task's choices, each with the opposite label."""
    return task.history.only(one.flipped() for one in task.history)


MIXING = "choices are predicted from another person's, in one prompt"


def swapped(people: Iterable[History], private: bool = False) -> Change:
    """A change that replaces a history by as many choices of the next person in the data.

    Raises:
        PrivacyRefused: with ``private``, or where the environment forbids mixing.
    """
    refuse_mixing(MIXING, private=private)
    held = list(people)
    donors = {one.user: held[(at + 1) % len(held)] for at, one in enumerate(held)}

    def change(task: Task) -> History:
        return newest(donors[task.user], max(1, len(task.history.decided)))

    return change
