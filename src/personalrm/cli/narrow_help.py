"""Help for narrow terminals: complete names of options and values, each description below its name.

Typer's table truncates names and values if columns do not fit ("--prom…"), so they cannot be copied; below `WIDE`
columns the same help is written as lines. In the table, flags are shown without a type: typer (from 0.29) writes
``--force <bool>``, which reads like an option that needs a value.

    narrow(command, columns=40)         # changes the help of a command and its subcommands
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

WIDE = 100
"""Minimum columns for a table without truncated names."""


def narrow(command: Any, columns: int) -> None:
    """Make a typer command, and the commands of a group, write help that fits ``columns``: lines below `WIDE`."""
    command.format_help = (
        partial(_table, command, command.format_help) if columns >= WIDE else partial(_write, command, columns)
    )
    for one in getattr(command, "commands", {}).values():
        narrow(one, columns)


def _table(command: Any, write: Callable[[Any, Any], None], context: Any, formatter: Any) -> None:
    """Typer's table without a type for flags, ``--help`` (which typer adds late) included."""
    for one in command.get_params(context):
        if getattr(one, "is_flag", False) and one.metavar is None:
            one.metavar = ""
    write(context, formatter)


def _write(command: Any, columns: int, context: Any, formatter: Any) -> None:
    formatter.write("\n".join(_lines(command, context, columns)) + "\n")


def _lines(command: Any, context: Any, columns: int) -> Iterator[str]:
    usage = " ".join(["Usage:", context.command_path, *command.collect_usage_pieces(context)])
    yield from _wrapped(usage, columns, later="  ")
    for paragraph in (command.help or "").split("\n\n"):
        yield ""
        yield from _wrapped(paragraph, columns)
    for heading, records in _sections(command, context).items():
        yield ""
        yield f"{heading}:"
        for name, said in records:
            yield from _wrapped(name, columns, first="  ", later="    ")
            yield from _wrapped(said, columns, first="    ", later="    ")
    for paragraph in filter(None, (command.epilog or "").split("\n\n")):
        yield ""
        yield from _wrapped(paragraph, columns, later="  ")


def _sections(command: Any, context: Any) -> dict[str, list[tuple[str, str]]]:
    """Arguments, options by heading, and the commands of a group."""
    found: dict[str, list[tuple[str, str]]] = {}
    for one in command.get_params(context):
        record = one.get_help_record(context)
        if record is not None:
            usual = "Arguments" if one.param_type_name == "argument" else "Options"
            found.setdefault(getattr(one, "rich_help_panel", None) or usual, []).append(record)
    for name, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            heading = getattr(below, "rich_help_panel", None) or "Commands"
            found.setdefault(heading, []).append((name, below.get_short_help_str(limit=400)))
    return found


def _wrapped(text: str, columns: int, *, first: str = "", later: str = "") -> list[str]:
    """A paragraph as lines; only a word longer than a line is broken."""
    return textwrap.wrap(
        " ".join(text.split()),
        columns,
        initial_indent=first,
        subsequent_indent=later,
        break_on_hyphens=False,
    )
