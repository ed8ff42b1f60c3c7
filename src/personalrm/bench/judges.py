"""Judges that ask a language model, as `personalrm bench` runs them.

    method = JudgeMethod("synthesizeme", endpoint, Options(), personal=True)
    prediction = await method.predict(task)

A judge learns once for each history that is learned from; with new-people that is once a group, and the answer
cache makes what these have in common (reasonings of the same choices) free. What a prediction is said to take counts
every answer, cached or not: it does not depend on what happened to be known already.

A judge that uses people of similar taste finds them in the population of the fold; their texts stand in prompts of
their own only (`models.judges.user_scaling`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from personalrm import prompts
from personalrm.bench.protocols import Population, Prediction, Question, Task
from personalrm.errors import NotEnoughChoices, UnusableResponse
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import gather
from personalrm.llm.language_model import UsageMeter
from personalrm.models.from_population import Recipe
from personalrm.models.judges import FittedJudge, JudgeFactory, UsesNeighbours
from personalrm.models.registry import judge_named
from personalrm.models.worker import in_fitting_worker
from personalrm.preferences import History
from personalrm.profile.options import Options
from personalrm.synthesis.judging import Judgement


@dataclass(frozen=True)
class JudgeMethod:
    """A judge by name, on one model.

    Attributes:
        recipe: how the population is learned by which people of similar taste are found; one of the options' seed if
            None.
        factory: what fits the judge to a person; that of the name if None.
    """

    name: str
    endpoint: Endpoint
    options: Options
    personal: bool
    probabilistic: bool = True
    asks: bool = True
    recipe: Recipe | None = None
    factory: JudgeFactory | None = None

    @property
    def model(self) -> str:
        return self.endpoint.model

    @property
    def prompts(self) -> Mapping[str, str]:
        return prompts.hashes()

    async def learn(self, population: Population, fold: int) -> JudgeMethod:
        """Other people teach a judge nothing: what one user said never reaches another user's prompt.

        The judge that uses neighbours is shown criteria in general terms that were drawn from their choices.
        """
        factory = judge_named(self.name)
        if isinstance(factory, UsesNeighbours) and factory.neighbours:
            return replace(self, factory=await in_fitting_worker(self._among, factory, population, fold))
        return self

    def _among(self, judge: UsesNeighbours, population: Population, fold: int) -> JudgeFactory:
        recipe = self.recipe or Recipe(self.options.seed)
        model = recipe.populations.of(population, fold, False, recipe.seed, recipe.new_texts)
        return judge.among(list(population()), model)

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
            return await (self.factory or judge_named(self.name))(tally, history, self.options)
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
