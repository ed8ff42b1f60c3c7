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
    typer.Option("--model", help="Model to ask, NAME or NAME@URL; several for a comparison; limits count for each."),
]
ContextSizes = Annotated[
    str | None,
    typer.Option(help="How many choices may be learned from, e.g. 2,4,8,all: several make a learning curve."),
]


@with_options(CHOICES, ENDPOINT)
def bench(
    context: typer.Context,
    data: HistoryFile,
    methods: Annotated[str, typer.Option(help=METHODS)] = "longer,population,traits",
    protocol: Annotated[
        str, typer.Option(help="new-people, new-people-and-new-texts (no text of the test learned), context-target.")
    ] = "new-people",
    population: Population = None,
    train_on_test_users_context: Annotated[
        bool,
        typer.Option(
            "--train-on-test-users-context", help="Trained models may learn from the context of the people predicted."
        ),
    ] = False,
    folds: Annotated[int, typer.Option(min=1, help="Folds by person.")] = 5,
    model: Models = None,
    out: Annotated[Path | None, typer.Option(help="Where finished work and results are kept.")] = None,
    context_sizes: ContextSizes = None,
    seed: Seed = 0,
    verdicts: VerdictsOption = VerdictsName.token,
    preset: Annotated[PresetName, typer.Option(help="How synthesizeme fits.")] = PresetName.default,
    persona_prompt: PersonaPrompt = None,
    features: Annotated[str, typer.Option(help="What gpo, vpl, pal, lore and pref see of a response.")] = FEATURES,
    backbone: Annotated[
        str, typer.Option(help="What bt is fine-tuned from: minilm, a folder or a hub name.")
    ] = "minilm",
    device: Annotated[DeviceName, typer.Option(help="Where models are trained.")] = DeviceName.auto,
    as_json: Json = False,
) -> None:
    """Compare methods on many people, with intervals over people and paired tests."""
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
        raise PersonalrmError(f"{name}{others} could not be finished: {why}; what was answered is kept")


def report(directory: Annotated[Path, typer.Argument(help="A folder written by bench --out.")]) -> None:
    """Write one self-contained HTML page, and LaTeX and CSV tables, from a benchmark's results."""
    from personalrm.bench.report.writing import write_report

    typer.echo(str(write_report(directory)))
