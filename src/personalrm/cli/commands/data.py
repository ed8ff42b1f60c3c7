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
    epilog=EXAMPLES["data"],
    name="data",
    help="List and download public data sets with several users.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Out = Annotated[Path | None, typer.Option(help="Output folder (default: the name of the set).")]
From = Annotated[Path | None, typer.Option("--from", help="Folder with the set's files; nothing is downloaded.")]
Revision = Annotated[str | None, typer.Option(help="Branch, tag or commit of the repository.")]
Gap = Annotated[float | None, typer.Option(min=0, help="Ratings: minimum score difference of a choice (PRISM: 10).")]


@app.command("list", epilog=EXAMPLES["data list"])
def list_sets(as_json: Json = False) -> None:
    """List the sets: location, licence, size and what each lacks."""
    from personalrm.cli import public_sets
    from personalrm.data.hub.catalogue import SETS

    public_sets.table_of_sets(SETS, as_json=as_json)


@app.command(epilog=EXAMPLES["data get"])
def get(
    name: Annotated[str, typer.Argument(help="Name of the set in `data list`.")],
    out: Out = None,
    from_: From = None,
    revision: Revision = None,
    min_gap: Gap = None,
    as_json: Json = False,
) -> None:
    """Download a set, verify it, and write its choices with a manifest of their origin."""
    from personalrm.cli import public_sets
    from personalrm.data.hub import getting
    from personalrm.data.hub.catalogue import named

    found = named(name)
    _announce(found, fetched=from_ is None)
    got = getting.get(name, out, files=from_, revision=revision, min_gap=min_gap)
    public_sets.fetched(got, as_json=as_json)


def _announce(found: PublicSet, *, fetched: bool) -> None:
    """Print the licence and limitations, and disable progress bars without a terminal."""
    from personalrm.cli import output

    output.remark(f"{found.title}: {found.licence}. {found.lacks}")
    if fetched and not sys.stderr.isatty():
        _without_bars()


def _without_bars() -> None:
    try:
        utils = import_module("huggingface_hub.utils")
    except ImportError:
        return  # `get` reports the missing package
    utils.disable_progress_bars()
