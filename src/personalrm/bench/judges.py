"""Benchmark methods that ask a language model as judge.

    method = JudgeMethod("synthesizeme", endpoint, Options(), personal=True)
    prediction = await method.predict(task)

A judge is fitted once for each history; with new-people that is once for each group, and reasonings of the same choices
come from the answer cache. The reported cost counts every answer, cached or not, so that it does not depend on the
content of the cache.

A judge that uses users of similar taste finds them in the population of the fold; the texts of each user are only in
prompts for that user (`models.judges.user_scaling`).
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
        name: name of the judge in `models.registry`.
        endpoint: the language model.
        options: options with which the judge is fitted to a user.
        personal: whether the judge uses the user's choices.
        recipe: how the population model that finds similar users is learned; default with the options' seed if None.
        factory: fits the judge to a user; the one registered under ``name`` if None.
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
        """Return self, since one user's words never reach another user's prompt.

        For a judge that uses neighbours: find them, and pass it criteria in general terms derived from their choices.
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
        """Fit the judge to the user's history, then judge every question in both orders."""
        tally = UsageMeter(self.endpoint, cached_too=True)
        try:
            judge = await self._fit(tally, task.history)
        except UnusableResponse as error:
            failed = Judgement(None, (), f"nothing could be learned: {error}")
            return Prediction([failed] * len(task.questions), tally.spend(), {"note": str(error)})
        return Prediction(await judged_all(judge, task.questions), tally.spend(), judge.learned)

    async def _fit(self, tally: UsageMeter, history: History) -> FittedJudge:
        """The judge fitted to this user; the default judge if there are no choices to learn from."""
        try:
            return await (self.factory or judge_named(self.name))(tally, history, self.options)
        except NotEnoughChoices:
            plain = await judge_named("default")(tally, history, self.options)
            return FittedJudge(plain.judge, {"note": "no choices to learn from: judged as by default"})


async def judged_all(judge: FittedJudge, questions: Sequence[Question]) -> list[Judgement]:
    """Judge all questions concurrently; a question that cannot be judged is unscored.

    Raises:
        UnusableResponse: the host gave no usable answer to any of them, so the task is not done.
    """
    found = await gather(_judged(judge, one) for one in questions)
    failed = [one for one in found if isinstance(one, UnusableResponse)]
    if failed and len(failed) == len(found):
        raise failed[0]
    return [Judgement(None, (), str(one)) if isinstance(one, UnusableResponse) else one for one in found]


async def _judged(judge: FittedJudge, question: Question) -> Judgement | UnusableResponse:
    try:
        return await judge.judge(question.context, question.a, question.b)
    except UnusableResponse as error:
        return error
