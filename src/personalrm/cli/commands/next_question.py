"""`personalrm next-question`: select the pair to ask a person next, with the expected information of the answer.

personalrm next-question me.json pairs.jsonl --top 3
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from personalrm.cli import inputs
from personalrm.cli.encodings import echo_source
from personalrm.cli.groups import PAIRS, with_options
from personalrm.cli.options import Json, ProfileFile
from personalrm.errors import DataError

if TYPE_CHECKING:
    from rich.console import Console

    from personalrm.models.acquisition import Question

LONGEST = 2_000
"""Maximum characters of a text that are printed; --json has all of them."""


class CriterionName(StrEnum):
    information = "information"
    prediction = "prediction"
    pref = "pref"


@with_options(PAIRS)
def next_question(
    context: typer.Context,
    profile: ProfileFile,
    candidates: Annotated[
        list[str], typer.Argument(help="Candidate pairs, or choices of any user; labels are ignored.")
    ],
    top: Annotated[int, typer.Option(min=1, help="Number of pairs to select.")] = 1,
    criterion: Annotated[
        CriterionName,
        typer.Option(
            help="Criterion: information about the person (BALD), about all candidates' answers (EPIG), or PReF's."
        ),
    ] = CriterionName.information,
    as_json: Json = False,
) -> None:
    """Select the pairs to ask this person next, with the expected information of each. Writes nothing."""
    from personalrm.cli import output
    from personalrm.client import Client
    from personalrm.data.candidates import read_candidates
    from personalrm.data.files import name_of
    from personalrm.data.problems import Problems
    from personalrm.formatting.texts import counted
    from personalrm.models.acquisition import unanswered
    from personalrm.profile.file import load

    known, problems = load(profile), Problems()
    how = inputs.read_options(context)
    read = read_candidates(candidates, strict=how.strict, problems=problems, columns=how.columns, limits=how.limits)
    given = list(read)
    for remark in problems.remarks():
        output.remark(remark)
    found = Client().next_question(known, given, top, criterion.value)
    left = len(unanswered(known.history, given))
    if len(given) > left:
        output.remark(f"{counted(len(given) - left, 'pair')} skipped: already answered, or duplicates.")
    if not found:
        why = "no answer would be informative" if left else "all of these pairs are already answered"
        raise DataError(f"nothing to ask from {name_of(candidates)}: {why}")
    if as_json:
        echo_source(_json(known.user, criterion.value, left, found))
    else:
        _show(found, left, profile)


def _show(found: list[Question], left: int, profile: Path) -> None:
    from personalrm.cli import output
    from personalrm.formatting.texts import counted

    out = output.console()
    for number, one in enumerate(found, 1):
        _question(out, f"Question {number} of {len(found)}, from {counted(left, 'pair')}", one)
    out.print(
        "To answer, add 'winner' (a, b or tie) to the row of a pair (from --json), save it in a file, and run\n"
        f"personalrm update {_safe(str(profile))} FILE",
        style="dim",
        soft_wrap=True,
    )


def _question(out: Console, title: str, one: Question) -> None:
    """Print the complete pair, the model's prediction, and the expected information of the answer."""
    out.print(f"[bold]{title}[/bold]")
    *before, last = one.candidate.context or (None,)
    if before:
        out.print(f"(after {len(before)} earlier message{'s' * (len(before) > 1)})", style="dim")
    if last is not None:
        _text(out, last.role, last.content)
    _text(out, "A", one.candidate.a)
    _text(out, "B", one.candidate.b)
    taught = f"remove {_share(one.variance_removed)} of the uncertainty about the answers to these pairs"
    out.print(f"P(A) = {one.probability:.2f}. An answer is expected to {taught}.")
    if one.settles:
        said = ", ".join(f"{settled.trait} ({_share(settled.share)})" for settled in one.settles)
        out.print(f"Most informative about: {_safe(said)}.")
    out.print()


def _text(out: Console, name: str, text: str) -> None:
    from rich.padding import Padding

    more = f" … ({len(text) - LONGEST:,} more characters)" if len(text) > LONGEST else ""
    out.print(f"[bold]{_safe(name)}[/bold]")
    out.print(Padding(_safe(text[:LONGEST] + more) if text.strip() else "(nothing)", (0, 0, 0, 4)))


def _share(share: float) -> str:
    """A number, not a percentage, because it is the model's expectation and not calibrated on the person."""
    return f"{share:.2f}" if share >= 0.1 else f"{share:.3f}"


def _safe(text: str) -> str:
    from rich.markup import escape

    from personalrm.cli import output

    return escape(output.clean(text))


def _json(user: str, criterion: str, left: int, found: list[Question]) -> str:
    """The questions as JSON, each with the row to answer."""
    from dataclasses import asdict

    from personalrm.formatting.texts import json_text

    questions = [
        {
            "probability": one.probability,
            "variance_removed": one.variance_removed,
            "settles": [asdict(each) for each in one.settles],
            "value": one.value,
            "row": asdict(one.candidate) | {"winner": None},
        }
        for one in found
    ]
    record = {"user": user, "criterion": criterion, "candidates": left, "questions": questions}
    return json_text(record)
