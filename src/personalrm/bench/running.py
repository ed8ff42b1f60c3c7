"""Runs a benchmark: every method on every person, with every model and every number of choices to learn from.

    result = run(people, ["longer", "population", "traits"], Design(folds=5, seed=0, data="prism.jsonl.gz"))
    print(result.rows()[2].accuracy)

    result = run(lambda: read_people("prism.jsonl.gz"), ["default", "synthesizeme"], models=[small, large],
                 context_pairs=(2, 4, 8), folder="out")       # can be interrupted; the same call resumes it

Methods with a local model run one after the other, so that their run times can be compared; the embedded engine learns
two folds at once. Methods that ask a language model overlap: while the last people of one method wait for answers,
requests for the first people of the next are sent, so the endpoint stays fully used. Models run concurrently, each on
its own endpoint. A population model shared by two methods is fitted once, and its time counts for the first of them.

Answers are stored task by task (see `run_folder`). A model that fails (host down, wrong key) ends only its own methods;
the results of the others are kept, and the failure is reported.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial, wraps
from itertools import chain, groupby
from pathlib import Path
from typing import ParamSpec, TypeVar

from personalrm.bench.answers import MethodResult, answers_from_rows
from personalrm.bench.entries import ResultKey, labels
from personalrm.bench.lines import Line, identity_of, lines_of, methods_of
from personalrm.bench.methods import LocalMethod, Setup
from personalrm.bench.plan import Design, Plan, PlannedTask, Source, make_plan
from personalrm.bench.protocols import BatchPredictor, Method, Prediction, TaskPredictor, protocol_named
from personalrm.bench.results import BenchResult
from personalrm.bench.rows import Row, judgement_rows, task_row
from personalrm.bench.run_folder import RunFolder
from personalrm.bench.run_log import rows_as_written
from personalrm.data.kept import KeptPeople
from personalrm.errors import DataError, EndpointError
from personalrm.llm import background_loop
from personalrm.llm.endpoint import Endpoint
from personalrm.llm.gather import bounded_map, gather, look_ahead, retrieve_exception
from personalrm.models.from_population import Recipe, Training
from personalrm.models.worker import in_fitting_worker, iterated_in_worker
from personalrm.preferences import History
from personalrm.profile.options import Options

UNDER_WAY = 64
"""Concurrent tasks of methods that ask a model; the endpoint's scheduler limits the calls."""
AHEAD = 8
"""People whose populations are learned in advance, two at once: so many are probably not all of one fold."""
SIDE_BY_SIDE = 20_000
"""Pairs to predict up to which two populations are learned at once; with more, two would take too much memory."""
IN_A_ROW = 8
"""This many consecutive failed tasks end a model's methods."""

Progress = Callable[[str, int, int], None]
"""Called with a method's label, the completed and the total number of tasks, whenever answers are stored."""

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger("personalrm.bench")


async def arun(
    people: Iterable[History] | Source,
    methods: Sequence[str | Method],
    design: Design | None = None,
    *,
    population: Iterable[History] | Source | None = None,
    models: Sequence[Endpoint] = (),
    options: Options | None = None,
    context_pairs: Sequence[int | None] = (None,),
    training: Training | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
    only: Callable[[PlannedTask], bool] | None = None,
) -> BenchResult:
    """Predict the choices of ``people`` with every method.

    Args:
        people: complete histories, one per person; or a function that returns them again at each call, which are then
            held one at a time and stored in a temporary file if that is faster to read.
        methods: names (see `methods`), or `Method` objects.
        design: protocol, folds, seed, names.
        population: people to learn from instead of those of the other folds.
        models: language models; each method that asks one runs on each of them.
        options: options with which judges are fitted to a person; default: the default preset with the design's seed.
        context_pairs: maximum numbers of choices that personalized methods learn from; None is all.
        training: training options, for the methods that train a model.
        folder: folder for finished work; a temporary one if None.
        progress: called after each task.
        only: selects the tasks of this process, all or none of a person and population; others stay unanswered (for
            runs in parts, `cluster.benchmark`).

    Raises:
        DataError: an unknown method or protocol, no method, one given twice, or the folder has another run.
        NotEnoughChoices: there is nothing to predict.
        BudgetSpent, StorageError: from requests; stored answers are kept.
    """
    design = design or Design()
    options = options or Options(seed=design.seed)
    training = replace(training or Training(), folder=None if folder is None else Path(folder) / "trained")
    recipe = Recipe(design.seed, training, new_texts=protocol_named(design.protocol).new_texts)
    setup = Setup(design.seed, None, options, recipe)
    chosen = methods_of(methods, setup, models)
    with ExitStack() as stack:
        others = None if population is None else _source(population, stack)
        plan = await in_fitting_worker(make_plan, _source(people, stack), design, others)
        lines = await in_fitting_worker(lines_of, chosen, context_pairs, plan, options)
        where = folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="personalrm-bench-"))
        asked = sorted({one.entry.model for one in lines if one.method.asks})
        identity = await in_fitting_worker(identity_of, plan, options, bool(asked))
        kept = stack.enter_context(RunFolder.open(where, identity, asked))
        work = _Work(plan, kept, labels([one.entry for one in lines]), progress, only)
        found = [await work.run([one]) for one in lines if not one.method.asks]
        found += await gather(work.run([one for one in lines if one.entry.model == model]) for model in asked)
        by_entry = {one.entry: one for results in found for one in results}
        results = tuple(by_entry[one.entry] for one in lines)
        return BenchResult(design, plan.folds, plan.data.total, plan.asked, results)


def _blocking(work: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    @wraps(work)
    def blocking(*args: P.args, **kwargs: P.kwargs) -> T:
        async def waited() -> T:
            return await work(*args, **kwargs)

        return background_loop.run(waited())

    return blocking


run = _blocking(arun)
"""Synchronous `arun`; also works inside a running event loop."""


def _source(people: Iterable[History] | Source, stack: ExitStack) -> Source:
    if isinstance(people, KeptPeople):
        return people
    if callable(people):
        return stack.enter_context(KeptPeople(people))
    held = tuple(people)
    return lambda: held


@dataclass
class _Work:
    """A run in progress: finished tasks are in the folder; models that failed permanently are in ``failures``."""

    plan: Plan
    folder: RunFolder
    labels: Mapping[ResultKey, str]
    progress: Progress | None
    only: Callable[[PlannedTask], bool] | None = None
    failures: dict[str, EndpointError] = field(default_factory=dict)

    async def run(self, lines: Sequence[Line]) -> list[MethodResult]:
        """Run the lines one after the other; those that ask a model overlap."""
        runs = await in_fitting_worker(lambda: [_Run(self, line) for line in lines])  # reads the rows of earlier runs
        jobs = iterated_in_worker((one, planned) for one in runs for planned in one.waiting())
        method = lines[0].method
        if isinstance(method, LocalMethod) and method.side_by_side and len(self.plan.asked) <= SIDE_BY_SIDE:
            jobs = look_ahead(jobs, lambda job: job[0].begin(job[1][0].population), AHEAD)

        async def do(job: tuple[_Run, Sequence[PlannedTask]]) -> None:
            await job[0].do(job[1])

        try:
            async for _ in bounded_map(do, jobs, UNDER_WAY if method.asks else 1):
                pass
        finally:
            for one in runs:
                one.close()
        return [await in_fitting_worker(one.result) for one in runs]


class _Run:
    """One line in progress."""

    def __init__(self, work: _Work, line: Line) -> None:
        self._work, self._line = work, line
        self._kept = work.folder.log(line.entry, line.provenance.key)
        tasks = len(work.plan.starts)
        _log.info("%s: %d of %d tasks were already done", work.labels[line.entry], len(self._kept.finished), tasks)
        self._predictors: dict[int, asyncio.Future[TaskPredictor]] = {}
        self._unanswered: dict[int, str] = {}
        self._failed_in_a_row = 0
        self._began: float | None = None
        self._ended = 0.0

    def waiting(self) -> Iterator[Sequence[PlannedTask]]:
        """The unfinished tasks; those of one person and population together if that is faster.

        Such a group is computed completely, including finished tasks, so that a prediction does not depend on where a
        run was interrupted, not even by rounding.
        """
        finished, only = self._kept.finished, self._work.only
        planned = filter(only, self._work.plan.tasks(self._line.entry.context_pairs))
        if not isinstance(self._line.method, LocalMethod):
            yield from ([one] for one in planned if one.number not in finished)
            return
        for _, person in groupby(planned, key=lambda one: one.task.user):
            together: dict[int, list[PlannedTask]] = {}
            for one in person:
                together.setdefault(one.population, []).append(one)
            yield from (some for some in together.values() if any(one.number not in finished for one in some))

    async def do(self, planned: Sequence[PlannedTask]) -> None:
        """Predict tasks of one population and store the answers, unless the model has failed permanently."""
        entry, failures = self._line.entry, self._work.failures
        if entry.model in failures:
            return  # the next run repeats the request
        began = time.perf_counter()
        self._began = self._began or began
        try:
            found = await self._predicted(await self.begin(planned[0].population), planned)
        except EndpointError as error:
            self._unanswered.update((one.number, str(error)) for one in planned)
            self._failed_in_a_row += len(planned)
            if self._failed_in_a_row >= IN_A_ROW:
                failures.setdefault(entry.model, error)
                _log.info("%s: %d consecutive tasks failed, its methods are stopped", entry.model, IN_A_ROW)
            return
        self._failed_in_a_row = 0
        self._ended = time.perf_counter()
        self._keep(planned, found, (self._ended - began) / len(planned))

    @staticmethod
    async def _predicted(predictor: TaskPredictor, planned: Sequence[PlannedTask]) -> list[Prediction]:
        if isinstance(predictor, BatchPredictor):
            return await predictor.predict_many([one.task for one in planned])
        return [await predictor.predict(one.task) for one in planned]

    def close(self) -> None:
        """Close the files and add the run time."""
        for one in self._predictors.values():
            one.cancel()  # learned in advance, and not needed after an error
        self._kept.close()
        if self._began is not None:
            self._work.folder.add_seconds(self._line.entry, max(0.0, self._ended - self._began))

    def result(self) -> MethodResult:
        """The result of this line from the folder's rows."""
        entry, method, work = self._line.entry, self._line.method, self._work
        path = work.folder.path / "tasks" / entry.file
        with rows_as_written(path):
            answers = answers_from_rows(work.folder.tasks(entry), work.plan, self._unanswered)
        failure = None
        if len(self._kept.finished) < len(work.plan.starts):
            failure = str(work.failures[entry.model]) if entry.model in work.failures else None
            if not self._kept.finished:
                failure = failure or next(iter(self._unanswered.values()), None)
        if failure is None and method.asks:
            failure = answers.why_nothing_is_scored
        return MethodResult(
            entry=entry,
            probabilistic=method.probabilistic,
            answers=answers,
            seconds=work.folder.seconds().get(entry.file, 0.0),
            provenance=self._line.provenance,
            failure=failure,
        )

    def _keep(self, planned: Sequence[PlannedTask], found: Sequence[Prediction], seconds: float) -> None:
        line, plan = self._line, self._work.plan
        tasks: list[Row] = []
        judgements: list[Iterator[Row]] = []
        for one, answered in zip(planned, found, strict=True):
            if len(answered.answers) != len(one.task.questions):
                raise DataError(
                    f"method '{line.entry.method}' answered {len(answered.answers)} of {len(one.task.questions)} "
                    "questions"
                )
            if one.number not in self._kept.finished:
                tasks.append(task_row(line, one, answered, seconds))
                judgements.append(judgement_rows(line, one, plan.asked, plan.design.seed, answered))
        self._kept.add(tasks, chain.from_iterable(judgements))
        if self._work.progress:
            self._work.progress(self._work.labels[line.entry], len(self._kept.finished), len(plan.starts))

    def begin(self, number: int) -> asyncio.Future[TaskPredictor]:
        """The method fitted to a population; fitted once, at the first use."""
        if number not in self._predictors:
            population = partial(self._work.plan.population_of, number)
            learned = asyncio.create_task(self._line.method.learn(population, number))
            learned.add_done_callback(retrieve_exception)
            self._predictors[number] = learned
        return self._predictors[number]
