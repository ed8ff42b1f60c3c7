"""Output of `personalrm data`: the table of public sets, and the result of a download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table

from personalrm.cli.encodings import echo_source
from personalrm.cli.output import clean, console, remark
from personalrm.formatting.texts import counted, json_text

if TYPE_CHECKING:
    from personalrm.data.hub.catalogue import PublicSet
    from personalrm.data.hub.getting import Got

_TABLE = 80
"""Minimum terminal width for a table."""
_ACCESS = {True: "gated", False: "open", None: "see card"}


def table_of_sets(sets: Sequence[PublicSet], *, as_json: bool) -> None:
    """Print every set: location and licence, then contents and limitations."""
    if as_json:
        echo_source(json_text([one.as_json() for one in sets]))
        return
    out = console()
    if out.width >= _TABLE:
        out.print(_table(sets))
    for one in sets:
        narrow = f" {_people(one)} people; {_ACCESS[one.gated]}; {one.licence}." if out.width < _TABLE else ""
        where = one.repo or "not on the hub"
        out.print(f"[bold]{one.name}[/bold] ({escape(one.title)}, {where}):{narrow} {one.choices}. {one.lacks}")
    out.print("\npersonalrm data get NAME fetches one; numbers are those of the cards and papers.", style="dim")


def _table(sets: Sequence[PublicSet]) -> Table:
    table = Table(title="public sets with people in them", title_justify="left")
    for head in ("name", "people", "size", "access", "licence"):
        table.add_column(head, justify="right" if head in ("people", "size") else "left", overflow="fold")
    for one in sets:
        table.add_row(one.name, _people(one), _size(one.size), _ACCESS[one.gated], one.licence)
    return table


def _people(one: PublicSet) -> str:
    return f"{one.people:,}" if one.people else "not stated"


def fetched(got: Got, *, as_json: bool) -> None:
    """Print what was written, and what was skipped."""
    if as_json:
        record = {"folder": str(got.folder), "commit": got.commit, "people": got.people, "pairs": got.pairs}
        echo_source(json_text({**record, "ties": got.ties, "skipped": got.skipped, "remarks": got.remarks}))
        return
    for one in got.remarks:
        remark(one)
    ties = f", {counted(got.ties, 'tie')} among them" if got.ties else ""
    people, pairs = counted(got.people, "person", "people"), counted(got.pairs, "pair")
    typer.echo(clean(f"{people}, {pairs}{ties}; {counted(got.skipped, 'row')} skipped."))
    typer.echo(clean(f"Written to {got.folder}: choices.jsonl, manifest.json."))


def _size(size: int | None) -> str:
    return "see card" if size is None else f"{size / 1e6:,.0f} MB"
