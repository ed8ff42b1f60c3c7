"""`personalrm pull`: read feedback from another tool into a file of choices."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from personalrm.cli.encodings import echo_source
from personalrm.cli.options import Json


class HostKind(StrEnum):
    langfuse = "langfuse"
    langsmith = "langsmith"
    open_webui = "open-webui"
    label_studio = "label-studio"
    argilla = "argilla"


def pull(
    host: Annotated[HostKind, typer.Argument(help="Tool to read feedback from.")],
    out: Annotated[Path, typer.Option(help="A .jsonl file; new choices are appended.")],
    url: Annotated[
        str | None,
        typer.Option(help="The tool's URL (default: LANGFUSE_HOST, LANGSMITH_ENDPOINT, ARGILLA_API_URL, …)."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Start time (ISO 8601); default: the latest time in the file.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="User for feedback that names none; without it such feedback is skipped.")
    ] = None,
    project: Annotated[list[str] | None, typer.Option(help="Project number or dataset name; repeatable.")] = None,
    json: Json = False,
) -> None:
    """Read feedback from another tool into a file of choices. API keys come from the environment."""
    from dataclasses import asdict

    from personalrm.cli import output
    from personalrm.formatting.texts import counted, json_text
    from personalrm.integrations.feedback import pull as pulled

    done = pulled(host.value, out, url=url, since=since, user=user, projects=tuple(project or ()))
    if json:
        echo_source(json_text(asdict(done)))
    else:
        typer.echo(f"{out}: {counted(done.added, 'judgement')} added, {done.changed:,} changed, {done.known:,} in all.")
    if done.anonymous:
        which = counted(done.anonymous, "judgement")
        output.remark(f"{which} without a user skipped: --user NAME assigns them to one person.")
    if done.skipped:
        output.remark(f"{counted(done.skipped, 'judgement')} could not be parsed: {'; '.join(done.first[:3])}.")
