"""`personalrm persona` and `personalrm export`: show a profile, and convert it for other tools."""

from __future__ import annotations

from typing import Annotated

import typer

from personalrm.cli.encodings import echo_source
from personalrm.cli.options import ExportName, ProfileFile


def persona(profile: ProfileFile) -> None:
    """Show a profile: the persona, the choices for and against each claim, and whether it helps."""
    from personalrm.cli import output
    from personalrm.profile.file import load

    output.profile(load(profile))


def export(
    profile: ProfileFile,
    as_: Annotated[ExportName, typer.Option("--as", help="Output format.")],
) -> None:
    """Print the profile as a prompt for a judge (JSON) or for generation, or as a file that another tool reads."""
    from personalrm.cli import output
    from personalrm.formatting.texts import escaped, json_text
    from personalrm.integrations.exports import EXPORTS
    from personalrm.profile.file import load
    from personalrm.synthesis.prompting import generation_prompt, judge_prompt, persona_in_use

    found = load(profile)
    if as_.value in EXPORTS:
        echo_source(escaped(EXPORTS[as_.value](found)))
        return
    if not persona_in_use(found):
        why = "there is none." if found.persona is None else found.fallback.reason
        output.remark(f"The persona is not part of this prompt: {why}")
    if as_ is ExportName.generation:
        typer.echo(generation_prompt(found))
    else:
        echo_source(json_text(judge_prompt(found, None, None, None)))
