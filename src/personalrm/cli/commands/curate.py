"""`personalrm curate`: from published PRISM or Chatbot Arena data to a benchmark of personal taste.

personalrm curate prism prism/ --out prb --model gpt-4o-mini --model llama3.3@http://localhost:8000/v1
personalrm curate arena hub:lmsys/chatbot_arena_conversations --out prb --skip-llm-filters
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from personalrm.cli import inputs, progress
from personalrm.cli.groups import ENDPOINT, STRICT, with_options
from personalrm.cli.options import Seed, VerdictsName, VerdictsOption
from personalrm.curation.thresholds import Thresholds

_DEFAULT = Thresholds()


class DataName(StrEnum):
    prism = "prism"
    arena = "arena"


DataSet = Annotated[DataName, typer.Argument(help="Data set of RAW.")]
RawData = Annotated[str, typer.Argument(help="Published files: a folder, one file, or hub:owner/name.")]
Out = Annotated[Path, typer.Option(help="Output folder: the splits, labels.jsonl, manifest.json.")]
Survey = Annotated[str | None, typer.Option(help="PRISM: the survey file, if it is not in RAW.")]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="Judge, NAME or NAME@URL; repeatable; limits apply to each. The first also rates personalisability.",
    ),
]
Skip = Annotated[bool, typer.Option("--skip-llm-filters", help="Skip the filters that ask a model.")]
Gap = Annotated[float, typer.Option(min=0, help="PRISM: minimum score difference of a choice, of 100.")]
Pairs = Annotated[int, typer.Option(min=2, help="Minimum pairs per person, before and after the other filters.")]
Conversations = Annotated[int, typer.Option(min=2, help="Minimum conversations per person.")]
Personalizable = Annotated[
    float, typer.Option(min=0, max=1, help="Minimum probability that taste can matter (personalisability).")
]
Low = Annotated[float, typer.Option(min=0, max=1, help="Minimum share of verdicts equal to the person's choice.")]
High = Annotated[float, typer.Option(min=0, max=1, help="Maximum such share; above it the judges agree.")]
Scored = Annotated[float, typer.Option(min=0, max=1, help="Minimum share of readable verdicts.")]
Train = Annotated[float, typer.Option(min=0, max=1, help="Share of people in the training split.")]
Validation = Annotated[
    float, typer.Option(min=0, max=1, help="Share of people in the validation split; the rest is test.")
]
Target = Annotated[float, typer.Option(help="Share of a person's pairs used as targets: the latest conversations.")]
Languages = Annotated[list[str] | None, typer.Option("--language", help="Arena: only this language; repeatable.")]
Anonymous = Annotated[bool, typer.Option("--anonymous-only", help="Arena: only votes on anonymous models.")]
Toxic = Annotated[
    bool, typer.Option("--leave-out-toxic", help="Arena: drop conversations flagged by the moderation model.")
]


@with_options(STRICT, ENDPOINT)
def curate(
    context: typer.Context,
    data: DataSet,
    raw: RawData,
    out: Out,
    survey: Survey = None,
    model: Models = None,
    skip_llm_filters: Skip = False,
    min_gap: Gap = _DEFAULT.min_gap,
    min_pairs: Pairs = _DEFAULT.min_pairs,
    min_conversations: Conversations = _DEFAULT.min_conversations,
    min_personalizable: Personalizable = _DEFAULT.min_personalizable,
    min_agreement: Low = _DEFAULT.min_agreement,
    max_agreement: High = _DEFAULT.max_agreement,
    min_scored: Scored = _DEFAULT.min_scored,
    train: Train = _DEFAULT.train,
    validation: Validation = _DEFAULT.validation,
    target: Target = _DEFAULT.target,
    language: Languages = None,
    anonymous_only: Anonymous = False,
    leave_out_toxic: Toxic = False,
    seed: Seed = 0,
    verdicts: VerdictsOption = VerdictsName.token,
) -> None:
    """Curate PRISM or Chatbot Arena: user, personalisability and judge-agreement filters; two-level splits."""
    from personalrm.cli import output
    from personalrm.curation.command import curate as make
    from personalrm.curation.running import Plan
    from personalrm.curation.sources import sources
    from personalrm.curation.table import table
    from personalrm.data.formats.lmarena import ArenaFilter

    shares = (min_personalizable, min_agreement, max_agreement, min_scored, train, validation, target)
    thresholds = Thresholds(min_gap, min_pairs, min_conversations, *shares, seed).checked()
    arena_filter = ArenaFilter(tuple(language or ()), anonymous_only, leave_out_toxic)
    strict = inputs.read_options(context).strict
    plan = Plan(data.value, sources(data.value, raw, survey), thresholds, arena_filter, verdicts.value, strict)
    with progress.bench_progress() as tell:
        result, ledgers = make(
            plan,
            inputs.models(model),
            out,
            inputs.endpoint_options(context),
            skip=skip_llm_filters,
            warn=output.remark,
            progress=lambda done, people: tell("people", done, people),
        )
    output.asked(ledgers)
    output.console(wide=160).print(table(result))
    output.remark(f"Written to {out}.")
