"""Help: each command has examples, and each example is a command line that the command accepts."""

from __future__ import annotations

import shlex

import pytest
import typer
from typer.main import get_command

from personalrm.cli.app import app
from personalrm.cli.examples import EXAMPLES

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_example_is_accepted_by_its_command(name: str) -> None:
    if hasattr(COMMANDS[name], "commands"):
        return  # a group: its commands have their own help
    lines = [one for one in EXAMPLES[name].split("\n\n") if one != "Examples:"]
    assert lines
    for line in lines:
        words = shlex.split(line.partition(" > ")[0])
        assert words[0] == "personalrm"
        command = COMMANDS[words[1]]
        context = typer.Context(command, info_name=words[1], resilient_parsing=False)
        command.parse_args(context, words[2:])  # raises where an option or a value is not known


def test_completion_is_offered() -> None:
    assert {one.name for one in get_command(app).params} >= {"install_completion", "show_completion"}
