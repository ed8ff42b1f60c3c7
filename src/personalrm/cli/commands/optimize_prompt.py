"""`personalrm optimize-prompt`: optimise the instruction for writing personas, evaluated on held-out people.

personalrm optimize-prompt prism.jsonl.gz --model gpt-4o-mini --optimizer gepa --out persona.json
personalrm fit mine.jsonl --model gpt-4o-mini --persona-prompt persona.json
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from personalrm.cli import inputs, progress
from personalrm.cli.groups import CHOICES, ENDPOINT, with_options
from personalrm.cli.options import HistoryFile, Private, Seed, VerdictsName, VerdictsOption


class OptimizerName(StrEnum):
    miprov2 = "miprov2"
    gepa = "gepa"


Model = Annotated[str, typer.Option(help="Model that writes personas and judges with them, NAME or NAME@URL.")]
ProposerModel = Annotated[
    str | None, typer.Option(help="Model that proposes instructions, NAME or NAME@URL (default: --model).")
]
OptimizerOption = Annotated[OptimizerName, typer.Option(help="DSPy optimiser.")]
Out = Annotated[Path, typer.Option(help="Prompt file to write.")]
People = Annotated[int, typer.Option(min=4, help="Maximum number of people, sampled with the seed.")]
Holdout = Annotated[float, typer.Option(min=0, max=1, help="Share of people held out for measurement.")]
Candidates = Annotated[int, typer.Option(min=1, help="Number of candidate instructions.")]
Accept = Annotated[
    bool, typer.Option("--accept-best", help="Accept the best candidate even without a significant gain.")
]


@with_options(CHOICES, ENDPOINT)
def optimize_prompt(
    context: typer.Context,
    data: HistoryFile,
    model: Model,
    out: Out,
    optimizer: OptimizerOption = OptimizerName.gepa,
    proposer: ProposerModel = None,
    people: People = 40,
    holdout: Holdout = 0.5,
    candidates: Candidates = 8,
    accept_best: Accept = False,
    seed: Seed = 0,
    verdicts: VerdictsOption = VerdictsName.token,
    private: Private = False,
) -> None:
    """Optimise the persona-writing instruction (extra 'optimize'); measured on held-out people."""
    from personalrm.cli import output
    from personalrm.formatting.texts import counted
    from personalrm.optimizing.optimize import OptimizationConfig, optimize
    from personalrm.optimizing.prompt_file import check_replaceable, save
    from personalrm.optimizing.trials import MIXING

    inputs.refuse_if_private(context, MIXING.get(optimizer.value))
    check_replaceable(out)
    plan = OptimizationConfig(optimizer.value, people, holdout, candidates, seed, verdicts.value, accept_best)
    reading = inputs.read_options(context)
    with progress.bench_progress() as tell:
        found, ledgers = optimize(data, plan, model, proposer, inputs.endpoint_options(context), reading, tell)
    save(found, out)
    output.asked(ledgers)
    refused = sum(one.refused is not None for one in found.lineage)
    tried = counted(len(found.lineage) - 1, "candidate")
    typer.echo(f"{tried} tried on {counted(found.data.training, 'person', 'people')}, {refused} refused.")
    typer.echo(found.verdict)
    output.remark(f"Written to {out}.")
