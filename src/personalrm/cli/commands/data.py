"""`personalrm data`: public data sets with people in them.

personalrm data list
personalrm data get multipref --out multipref        # multipref/choices.jsonl, multipref/manifest.json
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from personalrm.cli.examples import EXAMPLES
from personalrm.cli.options import Json

if TYPE_CHECKING:
    from personalrm.data.hub.catalogue import PublicSet

app = typer.Typer(
    name="data",
    help="Public data sets with people in them: what there is, and fetching one.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Out = Annotated[Path | None, typer.Option(help="Folder to write (a new one called like the set).")]
From = Annotated[
    Path | None, typer.Option("--from", help="A folder with the set's files, fetched by hand: nothing is fetched.")
]
Revision = Annotated[str | None, typer.Option(help="Another branch, tag or commit of the repository.")]
Gap = Annotated[
    float | None, typer.Option(min=0, help="Ratings: least difference of scores that counts as a choice (PRISM: 10).")
]


@app.command("list", epilog=EXAMPLES["data list"])
def list_sets(as_json: Json = False) -> None:
    """List the sets: where each lies, its licence, its size, and what it lacks."""
    from personalrm.cli import public_sets
    from personalrm.data.hub.catalogue import SETS

    public_sets.table_of_sets(SETS, as_json=as_json)


@app.command(epilog=EXAMPLES["data get"])
def get(
    name: Annotated[str, typer.Argument(help="A set as `data list` calls it.")],
    out: Out = None,
    from_: From = None,
    revision: Revision = None,
    min_gap: Gap = None,
    as_json: Json = False,
) -> None:
    """Fetch a set, check it, and write its choices with a manifest of where they come from."""
    from personalrm.cli import public_sets
    from personalrm.data.hub import getting
    from personalrm.data.hub.catalogue import named

    found = named(name)
    _announce(found, fetched=from_ is None)
    got = getting.get(name, out, files=from_, revision=revision, min_gap=min_gap)
    public_sets.fetched(got, as_json=as_json)


def _announce(found: PublicSet, *, fetched: bool) -> None:
    """What one should know before, and no bars of progress where nobody watches them."""
    from personalrm.cli import output

    output.remark(f"{found.title}: {found.licence}. {found.lacks}")
    if fetched and not sys.stderr.isatty():
        _without_bars()


def _without_bars() -> None:
    try:
        utils = import_module("huggingface_hub.utils")
    except ImportError:
        return  # `get` says what to install
    utils.disable_progress_bars()
