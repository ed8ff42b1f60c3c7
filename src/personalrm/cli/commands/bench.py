"""`personalrm bench` and `personalrm report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from personalrm.cli import inputs, progress
from personalrm.cli.groups import CHOICES, ENDPOINT, with_options
from personalrm.cli.options import (
    FEATURES,
    METHODS,
    DeviceName,
    HistoryFile,
    Json,
    PersonaPrompt,
    Population,
    PresetName,
    Seed,
    VerdictsName,
    VerdictsOption,
)
from personalrm.errors import PersonalrmError

Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="Model to ask, NAME or NAME@URL; repeatable; limits apply to each."),
]
ContextSizes = Annotated[
    str | None,
    typer.Option(help="Numbers of choices to learn from, e.g. 2,4,8,all; several give a learning curve."),
]


@with_options(CHOICES, ENDPOINT)
def bench(
    context: typer.Context,
    data: HistoryFile,
    methods: Annotated[str, typer.Option(help=METHODS)] = "longer,population,traits",
    protocol: Annotated[
        str,
        typer.Option(
            help="new-people, new-people-and-new-texts (test texts are not in training), or context-target "
            "(each person's later choices from the earlier ones, or as the data marks them)."
        ),
    ] = "new-people",
    population: Population = None,
    train_on_test_users_context: Annotated[
        bool,
        typer.Option(
            "--train-on-test-users-context", help="Let trained models learn from the test users' context choices."
        ),
    ] = False,
    folds: Annotated[int, typer.Option(min=1, help="Folds by person.")] = 5,
    model: Models = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for finished work and results; a rerun resumes from it.")
    ] = None,
    context_sizes: ContextSizes = None,
    seed: Seed = 0,
    verdicts: VerdictsOption = VerdictsName.token,
    preset: Annotated[PresetName, typer.Option(help="Preset of synthesizeme.")] = PresetName.default,
    persona_prompt: PersonaPrompt = None,
    features: Annotated[str, typer.Option(help="Features of a response for gpo, vpl, pal, lore and pref.")] = FEATURES,
    backbone: Annotated[str, typer.Option(help="Backbone of bt: minilm, a folder or a hub name.")] = "minilm",
    device: Annotated[DeviceName, typer.Option(help="Device for training.")] = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Compare methods on many people, with user-clustered intervals and paired tests."""
    from personalrm.bench.command import bench as compare_methods
    from personalrm.cli import output
    from personalrm.models.from_population import Training
    from personalrm.profile.options import Options

    chosen = inputs.methods(methods)
    inputs.refuse_if_private(context, inputs.shares_schemes(chosen))
    with progress.bench_progress() as tell:
        result, ledgers = compare_methods(
            data,
            chosen,
            protocol,
            population=population,
            folds=folds,
            seed=seed,
            seen=train_on_test_users_context,
            training=Training(features, backbone, device.value),
            reading=inputs.read_options(context),
            models=inputs.models(model),
            settings=inputs.endpoint_options(context),
            options=Options(
                preset.value, verdicts.value, seed=seed, persona_prompt=inputs.persona_prompt(persona_prompt)
            ),
            context_pairs=inputs.context_sizes(context_sizes),
            out=out,
            progress=tell,
        )
    output.asked(ledgers)
    output.benchmark(result, out, as_json=as_json)
    if result.failed:
        name, why = next(iter(result.failed.items()))
        others = f" (and {len(result.failed) - 1} more)" if len(result.failed) > 1 else ""
        raise PersonalrmError(f"{name}{others} could not be finished: {why}; answers so far are kept")


def report(directory: Annotated[Path, typer.Argument(help="Folder written by bench --out.")]) -> None:
    """Write one self-contained HTML page, and LaTeX and CSV tables, from a benchmark's results."""
    from personalrm.bench.report.writing import write_report

    typer.echo(str(write_report(directory)))
