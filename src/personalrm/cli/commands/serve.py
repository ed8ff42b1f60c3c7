"""`personalrm serve`: the service, its keys, and backups of its database.

personalrm serve                                    # http://127.0.0.1:8000, SQLite in the user's data folder
personalrm serve key shop                           # prints a new key, once
personalrm serve backup monday.sqlite
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personalrm.cli.examples import EXAMPLES
from personalrm.cli.options import BaseUrl
from personalrm.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from personalrm.store.store import SpaceStore, Store

app = typer.Typer(
    epilog=EXAMPLES["serve"],
    name="serve",
    help="Serve rewards over HTTP; manage API keys and database backups.",
    invoke_without_command=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Database = Annotated[
    str | None,
    typer.Option(
        help="sqlite:///FILE or postgresql://USER@HOST/NAME (default: PERSONALRM_DATABASE, else a user data file)."
    ),
]
Space = Annotated[str, typer.Argument(help="Space (tenant): a product or a team.")]


@app.callback()
def serve(
    context: typer.Context,
    database: Database = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (8000); 0 takes a free one.")] = None,
    model: Annotated[
        str | None, typer.Option(help="'traits', 'trained:DIR', or a model's name at the endpoint.")
    ] = None,
    base_url: BaseUrl = None,
    upstream: Annotated[
        str | None, typer.Option(help="Upstream for chat completions: an OpenAI-compatible URL (default: --base-url).")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Serve one space without a key, on this machine only.")] = False,
) -> None:
    """Serve rewards over HTTP. Every option can be set by environment: PERSONALRM_PORT etc."""
    context.obj = database
    if context.invoked_subcommand is not None:
        return
    with _installed():
        from personalrm.service.config import ServiceConfig
        from personalrm.service.server import run

        given: dict[str, Any] = {"database": database, "host": host, "port": port, "model": model, "base_url": base_url}
        given["upstream"] = upstream
        run(ServiceConfig.from_environment(**given, open=open_ or None))


@app.command(epilog=EXAMPLES["serve key"])
def key(
    context: typer.Context,
    space: Space,
    scopes: Annotated[str, typer.Option(help="Scopes: write, predict, manage.")] = "write,predict,manage",
    label: Annotated[str, typer.Option(help="Note on the key's purpose.")] = "",
    database: Database = None,
) -> None:
    """Create the space if needed and print a new API key; it is shown only once."""
    from personalrm.cli import inputs, output

    with _store(context, database) as store:
        made = store.make_space(space).keys.create(inputs.listed(scopes), label)  # type: ignore[arg-type]
    typer.echo(made)
    output.remark(f"A key of the space '{space}' ({scopes}). It is not shown again: store it safely.")


@app.command(epilog=EXAMPLES["serve keys"])
def keys(context: typer.Context, space: Space, database: Database = None) -> None:
    """List the keys of a space, without their secrets."""
    with _store(context, database) as store:
        found = _known(store, space).keys.list()
    for one in found:
        state = "revoked" if one.revoked is not None else "in use"
        typer.echo(f"{one.id}\t{','.join(one.scopes)}\t{state}\t{one.label}")


@app.command(epilog=EXAMPLES["serve revoke"])
def revoke(
    context: typer.Context,
    space: Space,
    key_id: Annotated[str, typer.Argument(help="Key id from `serve keys`.")],
    database: Database = None,
) -> None:
    """Revoke a key; running services may accept it for up to five more seconds."""
    with _store(context, database) as store:
        _known(store, space).keys.revoke(key_id)


@app.command(epilog=EXAMPLES["serve budget"])
def budget(
    context: typer.Context,
    space: Space,
    max_calls: Annotated[int | None, typer.Option(min=-1, help="Calls per month; -1: unlimited.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=-1, help="US dollars per month; -1: unlimited.")] = None,
    max_chats: Annotated[int | None, typer.Option(min=-1, help="Chat answers per month; -1: unlimited.")] = None,
    max_chat_tokens: Annotated[int | None, typer.Option(min=-1, help="Chat tokens per month; -1: unlimited.")] = None,
    fits_at_once: Annotated[int | None, typer.Option(min=1, max=64, help="Maximum concurrent refits.")] = None,
    database: Database = None,
) -> None:
    """Set or show a space's monthly limits: at the model endpoint and at the chat upstream."""
    given = {"max_calls": max_calls, "max_cost": max_cost, "max_chats": max_chats, "max_chat_tokens": max_chat_tokens}
    given["fits_at_once"] = fits_at_once
    changes = {name: None if value < 0 else value for name, value in given.items() if value is not None}
    with _store(context, database) as store:
        found = _known(store, space)
        settings = store.change_settings(found, changes) if changes else store.settings(found)
        spent = found.spending.this_month()
    shown = {"calls": (spent.calls, settings.max_calls), "dollars": (round(spent.cost, 4), settings.max_cost)}
    shown |= {"chats": (spent.chats, settings.max_chats)}
    shown |= {"chat tokens": (spent.chat_tokens, settings.max_chat_tokens)}
    for name, (used, most) in shown.items():
        typer.echo(f"{name}\t{used}\tof {'unlimited' if most is None else most}")
    typer.echo(f"refits at once\t{settings.fits_at_once}")


@app.command(epilog=EXAMPLES["serve migrate"])
def migrate(context: typer.Context, database: Database = None) -> None:
    """Create the database tables, or migrate them to this version."""
    from personalrm.cli import output

    with _store(context, database) as store:
        output.remark(f"{store.database.shown} is up to date.")


@app.command(epilog=EXAMPLES["serve backup"])
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet.")],
    database: Database = None,
) -> None:
    """Back up the whole database while it is in use."""
    from personalrm.cli import output

    with _store(context, database) as store:
        from personalrm.store.backup import backup as copy

        size = copy(store.database, file)
    output.remark(f"Copied to {file} ({size} bytes).")


@app.command(epilog=EXAMPLES["serve restore"])
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File written by `serve backup`.")],
    database: Database = None,
) -> None:
    """Restore a backup into an empty database."""
    from personalrm.cli import output

    with _installed():
        from personalrm.store.backup import restore as put_back
        from personalrm.store.database import default_url

        version = put_back(file, database or context.obj or default_url())
    output.remark(f"Restored {file} (version {version}).")


@contextmanager
def _installed() -> Iterator[None]:
    """Convert an import error to the name of the missing extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("personalrm"):
            raise
        raise MissingExtra(f"serve needs {error.name}: pip install 'personalrm[serve]'") from None


@contextmanager
def _store(context: typer.Context, database: str | None) -> Iterator[Store]:
    """The store, closed at the end."""
    with _installed():
        from personalrm.store.store import Store

        store = Store(database or context.obj)
        try:
            yield store
        finally:
            store.close()


def _known(store: Store, name: str) -> SpaceStore:
    found = store.space(name)
    if found is None:
        raise DataError(f"there is no space '{name}': `personalrm serve key {name}` creates it")
    return found
