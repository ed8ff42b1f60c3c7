"""Judges that ask a language model, as `personalrm bench` runs them.

    method = JudgeMethod("synthesizeme", endpoint, Options(), personal=True)
    prediction = await method.predict(task)

A judge learns once for each history that is learned from; with new-people that is once a group, and the answer
cache makes what these have in common (reasonings of the same choices) free. What a prediction is said to take counts
every answer, cached or not: it does not depend on what happened to be known already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personalrm import prompts
from personalrm.bench.protocols import Population, Prediction, Question, Task
from personalrm.errors import NotEnoughChoices, UnusableResponse
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather
from personalrm.llm.language_model import UsageMeter
from personalrm.models.judges import FittedJudge
from personalrm.models.registry import judge_named
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis.judging import Judgement


@dataclass(frozen=True)
class JudgeMethod:
    """A judge by name, on one model."""

    name: str
    endpoint: Endpoint
    options: Options
    personal: bool
    probabilistic: bool = True
    asks: bool = True

    @property
    def model(self) -> str:
        return self.endpoint.model

    @property
    def prompts(self) -> Mapping[str, str]:
        return prompts.hashes()

    async def learn(self, population: Population, fold: int) -> JudgeMethod:
        """Other people teach a judge nothing: what one user said never reaches another user's prompt."""
        return self

    async def predict(self, task: Task) -> Prediction:
        """Learn of the person what the judge needs, then judge every question in both orders."""
        tally = UsageMeter(self.endpoint, cached_too=True)
        try:
            asking = await self._asking(tally, task.history)
        except UnusableResponse as error:
            failed = Judgement(None, (), f"nothing could be learned: {error}")
            return Prediction([failed] * len(task.questions), tally.spend(), {"note": str(error)})
        return Prediction(await judged_all(asking, task.questions), tally.spend(), asking.learned)

    async def _asking(self, tally: UsageMeter, history: History) -> FittedJudge:
        """What judges for this person; where there is nothing to learn from, that is the plain judge."""
        try:
            return await judge_named(self.name)(tally, history, self.options)
        except NotEnoughChoices:
            plain = await judge_named("default")(tally, history, self.options)
            return FittedJudge(plain.judge, {"note": "no choices to learn from: judged as by default"})


async def judged_all(asking: FittedJudge, questions: Sequence[Question]) -> list[Judgement]:
    """A judgement of each question, all asked at once; one that cannot be judged is unscored."""
    return await gather(_judged(asking, one) for one in questions)


async def _judged(asking: FittedJudge, question: Question) -> Judgement:
    try:
        return await asking.judge(question.context, question.a, question.b)
    except UnusableResponse as error:
        return Judgement(None, (), str(error))
