"""`personalrm study`: research questions that need more than one line of a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from personalrm.cli import inputs, progress
from personalrm.cli.commands.bench import ContextSizes, Models
from personalrm.cli.groups import CHOICES, ENDPOINT, with_options
from personalrm.cli.options import (
    METHODS,
    HistoryFile,
    Population,
    PresetName,
    Private,
    Seed,
    VerdictsName,
    VerdictsOption,
)

Name = Annotated[
    str,
    typer.Argument(help="transfer, scaling, cross-context, longitudinal, stated, causal or human.", metavar="STUDY"),
]


@with_options(CHOICES, ENDPOINT)
def study(
    context: typer.Context,
    name: Name,
    data: HistoryFile,
    out: Annotated[Path, typer.Option(help="Folder for finished work and the result; `report` shows it.")],
    methods: Annotated[str, typer.Option(help=METHODS)] = "traits",
    population: Population = None,
    folds: Annotated[int, typer.Option(min=1, help="Folds by person.")] = 5,
    model: Models = None,
    context_sizes: ContextSizes = "1,2,4,8,all",
    seed: Seed = 0,
    verdicts: VerdictsOption = VerdictsName.token,
    preset: Annotated[PresetName, typer.Option(help="Preset of synthesizeme.")] = PresetName.default,
    private: Private = False,
    participant: Annotated[str | None, typer.Option(help="human: resume this participant's session.")] = None,
    choices: Annotated[int | None, typer.Option(min=8, help="human: choices per participant (24).")] = None,
    effect: Annotated[
        float | None, typer.Option(help="human: effect size to detect, in standard deviations (0.5).")
    ] = None,
    analyze: Annotated[
        bool, typer.Option("--analyze", help="human: analyse the ratings so far and write the result files.")
    ] = False,
) -> None:
    """Run one study of personalisation: findings in sentences, a table, a figure for the report."""
    if name == "human":
        from personalrm.cli.commands import human_study

        study = human_study.opened(context, data, out, choices, effect, seed)
        human_study.tell(study, out) if analyze else human_study.take_part(study, participant)
        return
    from personalrm.bench.studies.command import MIXING, run_study
    from personalrm.bench.studies.lab import StudyContext
    from personalrm.cli import output
    from personalrm.data.files import name_of
    from personalrm.data.sources import source
    from personalrm.profile.options import Options

    chosen = inputs.methods(methods)
    inputs.refuse_if_private(context, MIXING.get(name) or inputs.shares_schemes(chosen))
    reading = inputs.read_options(context)
    limits = inputs.context_sizes(context_sizes)
    with progress.bench_progress() as tell:
        path, ledgers = run_study(
            name,
            StudyContext(
                source(data, reading),
                tuple(chosen),
                out,
                (),
                Options(preset.value, verdicts.value, seed=seed),
                tuple(limits),
                folds,
                seed,
                name_of(data),
                None if population is None else source(population, reading),
                tell,
            ),
            inputs.models(model),
            inputs.endpoint_options(context),
        )
    output.asked(ledgers)
    output.study(path)
