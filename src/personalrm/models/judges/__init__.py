"""LLM judges by name, one small file each: what of a person's choices a judge is shown, and how it is asked.

    asking = await judge_named("memory")(endpoint, history, Options())     # learn what the judge needs of the person
    judgement = await asking.judge(context, "Yes.", "It depends.")         # both orders of one pair
    asking.learned                                                         # what a reader may want to see of it

`models.registry` holds their names; another judge is one more file here and one more line there. A function gets the
history to learn from (possibly empty) and nothing of what it will be asked; it raises NotEnoughChoices or
UnusableResponse where nothing can be learned of this person.
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
    """Judges pairs as one person would; `personalrm.models.judges.pair_judge.Judge.judge` is one."""

    async def __call__(self, context: Sequence[Message], a: str, b: str) -> Judgement:
        """The probability that the person prefers ``a``, from both orders."""
        ...


@dataclass(frozen=True, slots=True)
class FittedJudge:
    """A judge that has learned what it needs of one person.

    Attributes:
        judge: judges one pair.
        learned: what was learned, as JSON values: ``persona``, ``claims``, ``arm``, ``note``, … as far as there are.
    """

    judge: PairJudge
    learned: Mapping[str, Any] = field(default_factory=dict)


JudgeFactory = Callable[[Endpoint, History, Options], Awaitable[FittedJudge]]


@runtime_checkable
class UsesNeighbours(Protocol):
    """A `JudgeFactory` that may also learn from people of similar taste; ``neighbours`` says from how many."""

    @property
    def neighbours(self) -> int: ...

    def among(self, people: Sequence[History], model: TraitsModel) -> JudgeFactory:
        """The judge that finds them among these people; ``model`` is learned from the same people."""
        ...


def seeing(
    endpoint: Endpoint, judge_context: JudgeContext, options: Options, learned: Mapping[str, Any] | None = None
) -> FittedJudge:
    """The judge that is shown this of the person."""
    return FittedJudge(partial(Judge(endpoint, judge_context).judge, verdicts=options.verdicts), learned or {})


__getattr__ = renamed(__name__, {"Asking": "FittedJudge", "Judging": "PairJudge", "Learning": "JudgeFactory"})
