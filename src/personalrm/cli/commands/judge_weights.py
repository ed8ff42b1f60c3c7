"""`personalrm judge-weights`: each judge's weight in addition to traits, from its labelled verdicts."""

from __future__ import annotations

from typing import Annotated

import typer

from personalrm.cli.options import Json
from personalrm.formatting.numbers import signed


def judge_weights(
    cache: Annotated[
        str | None,
        typer.Option(help="Answer cache; the labelled verdicts are stored beside it (default: PERSONALRM_CACHE)."),
    ] = None,
    forget: Annotated[str | None, typer.Option(help="Delete the verdicts on this user's choices.")] = None,
    as_json: Json = False,
) -> None:
    """Show the weight of each judge in addition to traits (fused:MODEL), learned from labelled verdicts."""
    import orjson

    from personalrm.formatting.texts import counted
    from personalrm.models.fusion.table import VerdictTable, table_path

    table = VerdictTable(table_path(cache))
    if forget is not None:
        typer.echo(f"{counted(table.forget(forget), 'verdict')} removed.", err=True)
    rows = table.rows()
    if as_json:
        typer.echo(orjson.dumps([one.as_json() for one in rows], option=orjson.OPT_INDENT_2))
        return
    if not rows:
        typer.echo(f"No labelled verdicts in {table.path}: fit or evaluate people with a language model first.")
    for one in rows:
        few = f" ({one.weight.why_unused})" if one.weight.why_unused else ""
        damaged = f", {counted(one.damaged, 'damaged row')}" if one.damaged else ""
        behind = f"{counted(one.weight.labels, 'label')}, {counted(one.people, 'user')}{damaged}"
        judge = f"{one.key.model} · {one.key.arm} · {one.key.mode} · prompts {one.key.prompt}"
        typer.echo(f"{judge}: weight {signed(one.weight.weight, 2)}{few}, verdicts by {one.form}; {behind}")
