"""The seam of the benchmark: a method learns from other people, then from one person, and predicts that person.

predictor = await method.learn(lambda: plan.population_of(0), 0)     # once a fold
prediction = await predictor.predict(task)                           # once a task: an answer to each question
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from personalrm.bench.protocols import Task
from personalrm.preferences import History, Verdict
from personalrm.profile.spend import Spend

if TYPE_CHECKING:
    from personalrm.synthesis.judging import Judgement


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a method answered to one task.

    Attributes:
        answers: one for each question, in their order; a Judgement also knows the orders that were asked.
        spend: what it takes to learn and to answer; a cached answer counts like one that was asked.
        learned: what was learned of the person, as JSON values, for readers.
    """

    answers: Sequence[Verdict | Judgement]
    spend: Spend = field(default_factory=lambda: Spend(cost=0.0))
    learned: Mapping[str, Any] = field(default_factory=dict)


class Predictor(Protocol):
    """A method that has seen the population of one fold."""

    async def predict(self, task: Task) -> Prediction:
        """Learn from ``task.history`` and answer each of ``task.questions``, in their order."""
        ...


Population = Callable[[], Iterable[History]]
"""Gives other people's whole histories when it is called; a method that needs none does not call it."""


class Method(Protocol):
    """A way to predict choices.

    Attributes:
        name: as asked for.
        model: the model behind it: "traits", an LLM's name, or the name itself.
        probabilistic: whether its probabilities mean more than the side they favour; if not, there is no log loss.
        personal: whether it learns from the person's own choices.
        asks: whether it waits for a language model; many of its tasks are then under way at once.
        prompts: hash of each prompt it uses, by name.
    """

    @property
    def name(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def probabilistic(self) -> bool: ...
    @property
    def personal(self) -> bool: ...
    @property
    def asks(self) -> bool: ...
    @property
    def prompts(self) -> Mapping[str, str]: ...

    async def learn(self, population: Population, fold: int) -> Predictor:
        """Learn from other people's whole histories; ``fold`` tells populations apart."""
        ...
