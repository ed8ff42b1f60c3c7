"""Run the command `personalrm bench` from its parsed options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from personalrm.bench.methods import asks
from personalrm.bench.plan import Design
from personalrm.bench.results import BenchResult
from personalrm.bench.running import Progress, arun
from personalrm.data.files import name_of
from personalrm.data.inputs import Given
from personalrm.data.sources import ReadOptions, source
from personalrm.llm import background_loop
from personalrm.llm.connect import EndpointOptions, shared_models
from personalrm.llm.ledger import Budget
from personalrm.models.from_population import Training
from personalrm.models.registry import TRAITS
from personalrm.profile.options import Options


def bench(
    data: Given,
    methods: Sequence[str],
    protocol: str,
    *,
    population: str | None,
    folds: int,
    seed: int,
    seen: bool = False,
    training: Training | None = None,
    reading: ReadOptions,
    models: Sequence[str],
    settings: EndpointOptions,
    options: Options,
    context_pairs: Sequence[int | None],
    out: Path | None,
    progress: Progress,
) -> tuple[BenchResult, list[Budget]]:
    """Read the users' choices and run the methods; returns the result and the usage of each model.

    Args:
        data, population: files with choices.
        methods: names of methods.
        protocol, folds, seed: as in `Design`.
        seen: train on the context choices of all users and predict their target choices.
        training: training options, for the methods that train a model.
        reading: options for reading ``data`` and ``population``.
        models: language models, each NAME or NAME@URL; ``traits`` needs no endpoint.
        settings: endpoint options.
        options: options with which judges are fitted to a user.
        context_pairs: maximum numbers of choices that personalized methods learn from; None: all.
        out: folder in which finished work is kept.
        progress: called after each task.

    Raises:
        DataError: unreadable data, or options that do not fit together.
        EndpointError: a language model cannot be reached.
        StorageError: ``out`` cannot be written.
    """
    people = source(data, reading)
    others = None if population is None else source(population, reading)
    wanted = any(map(asks, methods))
    people_are: Literal["seen", "unseen"] = "seen" if seen else "unseen"
    others_are = None if population is None else name_of(population)
    design = Design(protocol, folds, seed, name_of(data), others_are, people_are)

    async def work() -> tuple[BenchResult, list[Budget]]:
        asked = shared_models([one for one in models if one not in TRAITS], settings) if wanted else []
        result = await arun(
            people,
            methods,
            design,
            population=others,
            models=asked,
            options=options,
            context_pairs=context_pairs,
            training=training,
            folder=out,
            progress=progress,
        )
        return result, [one.ledger for one in asked]

    return background_loop.run(work())
