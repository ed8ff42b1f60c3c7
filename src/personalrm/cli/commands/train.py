"""`personalrm train`: train a reward model on many people's choices.

personalrm train pref prism.jsonl.gz --out runs/pref
personalrm train bradley-terry prism.jsonl.gz --user-prompt persona --out runs/bt
personalrm fit me.jsonl --model trained:runs/pref
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personalrm.cli import inputs, progress
from personalrm.cli.encodings import echo_source
from personalrm.cli.groups import CHOICES, with_options
from personalrm.cli.options import FEATURES, DeviceName, HistoryFile, Json, Seed
from personalrm.errors import Interrupted

if TYPE_CHECKING:
    from personalrm.training.manifest import Manifest

INTERRUPTED = "interrupted; the checkpoint is kept: run the same command with --resume to continue"
BOTH = ("epochs", "learning_rate")
LEARNED_ONLY = ("features", "paper_variant", "ensemble_size", "batch_people")
SETTINGS = {"paper_variant": "published", "ensemble_size": "members"}
"""Options with another name in a method's settings."""
FINE_TUNED_ONLY = (
    *("backbone", "user_prompt", "lora_rank", "max_length", "batch_size", "frozen_layers"),
    "gradient_checkpointing",
)


class UserPromptName(StrEnum):
    none = "none"
    persona = "persona"
    both = "persona+demonstrations"
    history = "history"
    demographics = "demographics"


class SplitName(StrEnum):
    all = "all"
    context = "context"


Method = Annotated[
    str, typer.Argument(help="bradley-terry (bt), or one of gpo, vpl, pal, lore, pref (learned).", metavar="METHOD")
]
Out = Annotated[Path, typer.Option(help="Folder for the model, its card and manifest.")]
Validation = Annotated[
    str | None, typer.Option(help="People for early stopping and calibration (default: some of DATA's).")
]
Split = Annotated[SplitName, typer.Option(help="Choices to use: all, or those marked as context in the data.")]
Features = Annotated[str, typer.Option(help="Learned: traits, an encoder (minilm, hf:PATH), or traits+ENCODER.")]
PaperVariant = Annotated[
    bool, typer.Option("--paper-variant", help="Learned: as in the paper, without the population-level reward.")
]
EnsembleSize = Annotated[int | None, typer.Option(min=1, help="Learned: models in the ensemble (5).")]
BatchPeople = Annotated[int | None, typer.Option(min=1, help="Learned: people per step (32).")]
Epochs = Annotated[float | None, typer.Option(help="Maximum epochs (default depends on the method).")]
Rate = Annotated[
    float | None, typer.Option("--learning-rate", help="Peak learning rate (default depends on the method).")
]
Backbone = Annotated[str, typer.Option(help="bradley-terry: minilm, a folder or a hub name.")]
UserPrompt = Annotated[UserPromptName, typer.Option(help="bradley-terry: user information in the model's input.")]
LoraRank = Annotated[int | None, typer.Option(help="bradley-terry: LoRA rank (default: train all weights).")]
MaxLength = Annotated[
    int | None, typer.Option(help="bradley-terry: maximum input tokens (default: the backbone's limit).")
]
BatchSize = Annotated[int | None, typer.Option(help="bradley-terry: choices per step (16).")]
Frozen = Annotated[int | None, typer.Option(help="bradley-terry: number of frozen lower layers.")]
Checkpointing = Annotated[
    bool, typer.Option("--gradient-checkpointing", help="bradley-terry: gradient checkpointing (less memory, slower).")
]
Device = Annotated[DeviceName, typer.Option(help="Device for the encoder or backbone.")]
Resume = Annotated[bool, typer.Option("--resume", help="Resume the run in --out.")]


@with_options(CHOICES)
def train(
    context: typer.Context,
    method: Method,
    data: HistoryFile,
    out: Out,
    validation: Validation = None,
    split: Split = SplitName.all,
    features: Features = FEATURES,
    paper_variant: PaperVariant = False,
    ensemble_size: EnsembleSize = None,
    batch_people: BatchPeople = None,
    epochs: Epochs = None,
    learning_rate: Rate = None,
    backbone: Backbone = "minilm",
    user_prompt: UserPrompt = UserPromptName.none,
    lora_rank: LoraRank = None,
    max_length: MaxLength = None,
    batch_size: BatchSize = None,
    frozen_layers: Frozen = None,
    gradient_checkpointing: Checkpointing = False,
    device: Device = DeviceName.auto,
    resume: Resume = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a reward model on many people's choices; it can be fitted to new people."""
    from personalrm.cli import output

    try:
        from personalrm.training.config import BRADLEY_TERRY, TrainConfig, method_named
        from personalrm.training.train import train as made

        name = method_named(method)
        own, others = (LEARNED_ONLY, FINE_TUNED_ONLY)[:: -1 if name == BRADLEY_TERRY else 1]
        given = _explicit_options(context, (*own, *BOTH))
        _warn_of_unused_options(context, name, (*others, "device") if given.get("features") == "traits" else others)
        order = TrainConfig(name, data, out, validation, split.value, device.value, seed, resume, given)
        with progress.training_progress() as tell:
            found = made(order, inputs.read_options(context), tell)
    except KeyboardInterrupt:
        raise Interrupted(INTERRUPTED) from None
    if found.was_finished:
        output.remark(f"The run in {out} is already complete.")
    _show(found.manifest, out, as_json=as_json)


def _explicit_options(context: typer.Context, names: Iterable[str]) -> dict[str, Any]:
    """Options of the method by name, as plain values; options left at the method's default are omitted."""
    found = {name: context.params[name] for name in names if context.params[name] is not None}
    return {SETTINGS.get(name, name): str(one) if isinstance(one, StrEnum) else one for name, one in found.items()}


def _warn_of_unused_options(context: typer.Context, method: str, others: Iterable[str]) -> None:
    from personalrm.cli import output

    idle = inputs.given(context, others)
    if idle:
        output.remark(f"No effect on {method}: {', '.join(idle)}.")


def _show(found: Manifest, out: Path, *, as_json: bool) -> None:
    from personalrm.cli import output
    from personalrm.training.table import sentences, summary, table

    if as_json:
        from personalrm.formatting.texts import json_text

        echo_source(json_text(summary(found, out)))
        return
    lines = sentences(found)
    typer.echo("\n".join(lines[:-1]) + "\n")
    output.console().print(table(found))
    typer.echo(f"{lines[-1]} It is in {out}.")
