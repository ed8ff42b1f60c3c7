"""Methods that ask a language model: the plain judge and SynthesizeMe, as `personalrm bench` knows them.

A profile is fitted once for each history that is learned from; with leave-group-out that is once a group, and the
answer cache makes what the fits share (reasonings of the same choices) free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personalrm import prompts
from personalrm.bench.protocols import Task
from personalrm.errors import DataError, NotEnoughChoices, Unusable
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.language_model import Meter
from personalrm.llm.together import together
from personalrm.models.judge import Judge
from personalrm.preferences import History, Verdict
from personalrm.synthesis.fitting import fit, sight_of
from personalrm.synthesis.judging import Sight
from personalrm.synthesis.options import Options
from personalrm.synthesis.profile import Spend


@dataclass(frozen=True)
class JudgeMethod:
    """A judge that sees nothing of the person (``default``) or what SynthesizeMe found worth showing."""

    name: str
    meter: Meter
    options: Options
    probabilistic: bool = True

    @property
    def model(self) -> str:
        return self.meter.model

    @property
    def prompts(self) -> Mapping[str, str]:
        return prompts.hashes()

    async def learn(self, population: Sequence[History], fold: int) -> JudgeMethod:
        """Other people teach a judge nothing: what one user said never reaches another user's prompt."""
        return self

    async def predict(self, task: Task) -> Sequence[Verdict]:
        """Fit the person if the method does, then judge every question in both orders."""
        judge = Judge(self.meter, await self._sight(task.history))
        judged = await together(judge.judge(one.context, one.a, one.b, self.options.verdicts) for one in task.questions)
        return [one.verdict() for one in judged]

    async def _sight(self, history: History) -> Sight:
        if self.name == "default" or not history.decided:
            return Sight()
        try:
            return sight_of(await fit(self.meter, history, self.options))
        except (NotEnoughChoices, Unusable):  # nothing to learn from this one person: no reason to end the run
            return Sight()

    def spend(self) -> Spend:
        """What this method asked so far."""
        return self.meter.spend()


def judge_method(name: str, endpoint: Endpoint | None, options: Options) -> JudgeMethod:
    """``default`` or ``synthesizeme``; DataError without an endpoint."""
    if endpoint is None:
        raise DataError(f"method '{name}' asks a language model: name it with --model (and --base-url)")
    return JudgeMethod(name, Meter(endpoint), options)
