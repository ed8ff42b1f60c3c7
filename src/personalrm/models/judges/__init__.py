"""LLM judges by name, one module each: the input about the person, and how the model is asked.

    asking = await judge_named("memory")(endpoint, history, Options())     # fit the judge to the person
    judgement = await asking.judge(context, "Yes.", "It depends.")         # both orders of one pair
    asking.learned                                                         # JSON for reports

`models.registry` defines their names; a new judge is a new module and one line there. A factory gets the history to
learn from (possibly empty) and no information about the pairs to judge; it raises NotEnoughChoices or UnusableResponse
if it cannot be fitted to this person.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from personalrm.llm.endpoint import Endpoint
from personalrm.models.judges.pair_judge import Judge
from personalrm.preferences import History, Message
from personalrm.profile.options import Options
from personalrm.renamed import renamed
from personalrm.synthesis.judging import JudgeContext, Judgement

if TYPE_CHECKING:
    from personalrm.models.traits import TraitsModel


class PairJudge(Protocol):
    """Judges pairs for one person; for example `personalrm.models.judges.pair_judge.Judge.judge`."""

    async def __call__(self, context: Sequence[Message], a: str, b: str) -> Judgement:
        """The probability that the person prefers ``a``, over both orders."""
        ...


@dataclass(frozen=True, slots=True)
class FittedJudge:
    """A judge fitted to one person.

    Attributes:
        judge: judges one pair.
        learned: what was learned, as JSON values: ``persona``, ``claims``, ``arm``, ``note``, … if available.
    """

    judge: PairJudge
    learned: Mapping[str, Any] = field(default_factory=dict)


JudgeFactory = Callable[[Endpoint, History, Options], Awaitable[FittedJudge]]


@runtime_checkable
class UsesNeighbours(Protocol):
    """A `JudgeFactory` that can also use people of similar taste; ``neighbours`` is their number."""

    @property
    def neighbours(self) -> int: ...

    def among(self, people: Sequence[History], model: TraitsModel) -> JudgeFactory:
        """The judge that finds neighbours among these people; ``model`` is learned from the same people."""
        ...


def seeing(
    endpoint: Endpoint, judge_context: JudgeContext, options: Options, learned: Mapping[str, Any] | None = None
) -> FittedJudge:
    """A judge with this input about the person."""
    return FittedJudge(partial(Judge(endpoint, judge_context).judge, verdicts=options.verdicts), learned or {})


__getattr__ = renamed(__name__, {"Asking": "FittedJudge", "Judging": "PairJudge", "Learning": "JudgeFactory"})
