"""Running a benchmark: every method on every task of every fold.

    result = run(people, ["longer", "population", "traits"], "leave-group-out", folds=5, seed=0, data="prism.jsonl.gz")
    print(result.rows()[2].accuracy)

Methods run one after the other, so that each one's time is its own; inside a method many tasks are under way at once,
which is what keeps a language model's endpoint full. A population model that two methods share is fitted once, and its
time counts for the first of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from personalrm.bench.methods import JUDGE, Method, Setup, method_named
from personalrm.bench.protocols import DEFAULT_FOLDS, Fold, protocol_named
from personalrm.bench.results import Asked, BenchResult, MethodResult
from personalrm.errors import DataError
from personalrm.llm import portal
from personalrm.preferences import History, Verdict

UNDER_WAY = 64
"""Tasks of one method that are under way at once; the endpoint's own scheduler bounds the calls."""

Progress = Callable[[str, int, int], None]
"""Called with a method's name, the tasks done and all tasks."""


def run(
    people: Iterable[History],
    methods: Sequence[str | Method],
    protocol: str = "leave-group-out",
    *,
    folds: int = DEFAULT_FOLDS,
    seed: int = 0,
    population: Iterable[History] | None = None,
    data: str = "",
    population_name: str | None = None,
    setup: Setup | None = None,
    progress: Progress | None = None,
) -> BenchResult:
    """Predict the choices of ``people`` by every method; also works inside a running event loop.

    Args:
        people: whole histories, a person once.
        methods: names (see `methods`), or methods of your own.
        protocol: "leave-group-out" or "context-target".
        folds: folds by person; the people of the other folds are the population.
        seed: of the folds, the order of presentation, random choices and intervals.
        population: other people to learn from instead; who is also in ``people`` is left out.
        data, population_name: what the result calls them.
        setup: what methods are made from, its seed included; made from ``seed`` if None.
        progress: told after each task.

    Raises:
        DataError: an unknown method or protocol, no method, or a method given twice.
        NotEnoughChoices: nothing can be predicted.
    """
    work = arun(
        people,
        methods,
        protocol,
        folds=folds,
        seed=seed,
        population=population,
        data=data,
        population_name=population_name,
        setup=setup,
        progress=progress,
    )
    return portal.run(work)


async def arun(
    people: Iterable[History],
    methods: Sequence[str | Method],
    protocol: str = "leave-group-out",
    *,
    folds: int = DEFAULT_FOLDS,
    seed: int = 0,
    population: Iterable[History] | None = None,
    data: str = "",
    population_name: str | None = None,
    setup: Setup | None = None,
    progress: Progress | None = None,
) -> BenchResult:
    """`run`, to be awaited."""
    setup = setup or Setup(seed)
    chosen = [method_named(one, setup) if isinstance(one, str) else one for one in methods]
    names = [one.name for one in chosen]
    if not chosen or len(set(names)) < len(names):
        raise DataError("name at least one method, and each one once")
    others = None if population is None else tuple(population)
    parts = protocol_named(protocol)(tuple(people), folds=folds, seed=seed, population=others)
    _check_judges(names, parts)
    results = [await _run_method(one, parts, progress) for one in chosen]
    return BenchResult(data, protocol, seed, len(parts), population_name, _asked(parts), tuple(results))


def _check_judges(names: Sequence[str], folds: Sequence[Fold]) -> None:
    """A judge of that name must have left a verdict somewhere; else the name is wrong."""
    wanted = {name.removeprefix(JUDGE) for name in names if name.startswith(JUDGE)}
    if not wanted:
        return
    present = {judge for fold in folds for task in fold.tasks for one in task.questions for judge in one.judges}
    if missing := sorted(wanted - present):
        known = f"it has those of {', '.join(sorted(present))}" if present else "it has none of any judge"
        raise DataError(f"the data has no cached verdicts of {', '.join(missing)}; {known}")


def _asked(folds: Sequence[Fold]) -> tuple[Asked, ...]:
    return tuple(
        Asked(task.user, question.id, question.group, fold.number, len(task.history), side)
        for fold in folds
        for task, sides in zip(fold.tasks, fold.answers, strict=True)
        for question, side in zip(task.questions, sides, strict=True)
    )


async def _run_method(method: Method, folds: Sequence[Fold], progress: Progress | None) -> MethodResult:
    start = time.perf_counter()
    total = sum(len(fold.tasks) for fold in folds)
    done = 0
    verdicts: list[Verdict] = []

    def tell() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(method.name, done, total)

    for fold in folds:
        for answered in await _run_fold(method, fold, tell):
            verdicts += answered
    return MethodResult(
        method.name,
        method.model,
        method.probabilistic,
        tuple(verdicts),
        method.spend(),
        time.perf_counter() - start,
        method.prompts,
    )


async def _run_fold(method: Method, fold: Fold, tell: Callable[[], None]) -> list[Sequence[Verdict]]:
    """Verdicts task by task, ``UNDER_WAY`` of them at a time; the first error ends the others and is raised."""
    predictor = await method.learn(fold.population, fold.number)
    answers: list[Sequence[Verdict]] = [()] * len(fold.tasks)
    waiting = iter(range(len(fold.tasks)))

    async def work() -> None:
        for index in waiting:
            task = fold.tasks[index]
            answers[index] = await predictor.predict(task)
            if len(answers[index]) != len(task.questions):
                raise DataError(
                    f"method '{method.name}' answered {len(answers[index])} of {len(task.questions)} questions"
                )
            tell()

    workers = [asyncio.ensure_future(work()) for _ in range(min(UNDER_WAY, len(fold.tasks)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return answers
