"""What `personalrm bench` does between its options and its table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from personalrm.bench.methods import Setup
from personalrm.bench.results import BenchResult
from personalrm.bench.running import Progress, arun
from personalrm.data.problems import Problems
from personalrm.data.reading import read_people
from personalrm.llm import portal
from personalrm.llm.connect import Settings, shared
from personalrm.models.engines import TRAITS
from personalrm.preferences import History
from personalrm.synthesis.options import Options


def bench(
    data: str,
    methods: Sequence[str],
    protocol: str,
    *,
    population: str | None,
    folds: int,
    seed: int,
    strict: bool,
    min_gap: float,
    model: str | None,
    settings: Settings,
    options: Options,
    warn: Callable[[str], None],
    progress: Progress,
) -> BenchResult:
    """Read the people, run the methods. Raises what reading, asking and running raise.

    Args:
        data, population: files of choices.
        model, settings: the endpoint for methods that ask one; ``traits`` and None connect nothing.
        options: how ``synthesizeme`` fits.
        warn: told in a sentence what was skipped.
        progress: told after each task.
    """
    people = _people(data, strict, min_gap, warn)
    others = None if population is None else _people(population, strict, min_gap, warn)

    async def work() -> BenchResult:
        endpoint = None if model is None or model in TRAITS else shared(model, settings)
        return await arun(
            people,
            methods,
            protocol,
            folds=folds,
            seed=seed,
            population=others,
            data=_name(data),
            population_name=None if population is None else _name(population),
            setup=Setup(seed, endpoint, options),
            progress=progress,
        )

    return portal.run(work())


def _people(path: str, strict: bool, min_gap: float, warn: Callable[[str], None]) -> list[History]:
    problems = Problems()
    people = list(read_people(path, strict=strict, problems=problems, min_gap=min_gap))
    if problems.summary():
        warn(f"{_name(path)}: {problems.summary()}")
    if problems.too_close:
        warn(f"{_name(path)}: {problems.too_close:,} rated pairs left out: scores differ by less than {min_gap:g}.")
    return people


def _name(path: str) -> str:
    return path if path.startswith("hub:") else Path(path).name
