"""The options of the command line, each defined once: name, type and help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class PresetName(StrEnum):
    default = "default"
    paper = "paper"
    frugal = "frugal"


class VerdictsName(StrEnum):
    token = "token"
    reasoned = "reasoned"


class ExportName(StrEnum):
    judge = "judge-prompt"
    generation = "generation-prompt"
    openai_dpo = "openai-dpo"
    trl = "trl"
    promptfoo = "promptfoo"
    inspect = "inspect"
    mlflow_judge = "mlflow-judge"


class DeviceName(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


HistoryFile = Annotated[
    list[str],
    typer.Argument(help="Choices: files of any format in docs/formats.md, a folder, '*.csv', - or hub:owner/name."),
]
ProfileFile = Annotated[Path, typer.Argument(help="A profile written by fit.")]
User = Annotated[str | None, typer.Option(help="User to select, if the file holds several people.")]
Model = Annotated[
    str | None,
    typer.Option(
        help="'traits' (no endpoint), a model name at the endpoint (fused with traits), judge:NAME (that model by "
        "itself), trained:DIR, or vllm-classify:NAME@URL."
    ),
]
BaseUrl = Annotated[str | None, typer.Option(help="OpenAI-compatible URL (default: OPENAI_BASE_URL).")]
Population = Annotated[str | None, typer.Option(help="File of other people's choices, for the traits engine's prior.")]
Seed = Annotated[int, typer.Option(min=0, help="Random seed.")]
Preset = Annotated[
    PresetName, typer.Option(help="'paper' follows the released algorithm; 'frugal' makes the fewest calls.")
]
Force = Annotated[bool, typer.Option("--force", help="Also replace the profile of another person.")]
Private = Annotated[
    bool,
    typer.Option(
        "--private",
        envvar="PERSONALRM_PRIVATE",
        help="Refuse commands that put several people's texts into one prompt.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_OR_FILE = "text, or @file; @@ for a literal leading @."
Prompt = Annotated[str, typer.Option(help=f"The user's prompt: {_OR_FILE}")]
FirstResponse = Annotated[str, typer.Option(help=f"The first response: {_OR_FILE}")]
SecondResponse = Annotated[str, typer.Option(help=f"The second response: {_OR_FILE}")]
Response = Annotated[str, typer.Option(help=f"The response: {_OR_FILE}")]
VerdictsOption = Annotated[
    VerdictsName, typer.Option(help="token: only the answer; reasoned: with an explanation first.")
]
PersonaPrompt = Annotated[
    Path | None,
    typer.Option(help="Instruction for writing the persona: output of optimize-prompt, or a text file."),
]
JUDGES_ONLY = (
    *("preset", "verdicts", "samples", "both_orders", "validation", "persona_prompt"),
    *("max_calls", "max_cost", "max_tokens", "reasoning_effort", "refresh"),
)
ENDPOINT_ONLY = ("base_url", *JUDGES_ONLY)
EMBEDDED_ONLY = ("population",)
FEATURES = "traits+minilm"
METHODS = """Comma-separated: longer, shorter, first, random, population, traits, population+encoder, traits+encoder;
judge:NAME for cached verdicts in the data; fused and fused:MEMBER+MEMBER for traits with such judges.
Trained: gpo, vpl, pal, lore, pref, each also with :published; bt, bt:persona, bt:persona+demonstrations,
bt:history, bt:demographics; trained:DIR for what train wrote.
These ask --model: default, demographics, stated, history, memory, memalign, rubric, rubric:m=8 or
rubric:m=8,neighbours=4 for the mean of several schemes of criteria; synthesizeme and its ablations
synthesizeme:persona, :demonstrations, :both, :unverified, :unselected."""
