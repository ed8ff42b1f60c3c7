"""`personalrm pull`: feedback that lies in another tool, as a file of choices."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from personalrm.cli.options import Json


class HostKind(StrEnum):
    langfuse = "langfuse"
    langsmith = "langsmith"
    open_webui = "open-webui"
    label_studio = "label-studio"
    argilla = "argilla"


def pull(
    host: Annotated[HostKind, typer.Argument(help="Where the feedback lies.")],
    out: Annotated[Path, typer.Option(help="A .jsonl file; what is new is added to it.")],
    url: Annotated[
        str | None,
        typer.Option(help="The host's URL (else its variable: LANGFUSE_HOST, LANGSMITH_ENDPOINT, ARGILLA_API_URL, …)."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From this time on (ISO 8601); else from the newest that the file holds.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Whose is feedback that names no user; else it is left out.")] = None,
    project: Annotated[
        list[str] | None, typer.Option(help="A project's number or a dataset's name; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Add people's feedback on answers from another tool to a file of choices. Keys come from the environment."""
    from dataclasses import asdict

    from personalrm.cli import output
    from personalrm.formatting.texts import counted, json_text
    from personalrm.integrations.feedback import pull as pulled

    done = pulled(host.value, out, url=url, since=since, user=user, projects=tuple(project or ()))
    if json:
        typer.echo(json_text(asdict(done)))
    else:
        typer.echo(f"{out}: {counted(done.added, 'judgement')} added, {done.changed:,} changed, {done.known:,} in all.")
    if done.anonymous:
        which = counted(done.anonymous, "judgement")
        output.remark(f"{which} without a user left out: --user NAME takes them as one person's.")
    if done.skipped:
        output.remark(f"{counted(done.skipped, 'judgement')} could not be read: {'; '.join(done.first[:3])}.")
