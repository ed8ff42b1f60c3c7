"""Help: each command has examples, and each example is a command line that the command accepts."""

from __future__ import annotations

import re
import shlex

import pytest
import typer
from typer.main import get_command

from personalrm.cli.app import app
from personalrm.cli.examples import EXAMPLES
from personalrm.cli.options import METHODS
from personalrm.models.registry import names

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
COMMANDS |= {f"data {name}": one for name, one in COMMANDS["data"].commands.items()}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_example_is_accepted_by_its_command(name: str) -> None:
    if hasattr(COMMANDS[name], "commands"):
        return  # a group: its commands have their own help
    lines = [one for one in EXAMPLES[name].split("\n\n") if one != "Examples:"]
    assert lines
    for line in lines:
        words = [one for one in shlex.split(line.partition(" > ")[0]) if not one.startswith("HF_TOKEN=")]
        assert words[0] == "personalrm"
        depth = 2 if hasattr(COMMANDS[words[1]], "commands") else 1
        command = COMMANDS[" ".join(words[1 : 1 + depth])]
        context = typer.Context(command, info_name=words[depth], resilient_parsing=False)
        command.parse_args(context, words[1 + depth :])  # raises where an option or a value is not known


def test_completion_is_offered() -> None:
    assert {one.name for one in get_command(app).params} >= {"install_completion", "show_completion"}


def test_the_help_of_methods_names_each_of_them_and_nothing_else() -> None:
    said = set(re.findall(r"[a-z][a-z+]*", METHODS))
    assert {one.partition(":")[0] for one in names()} <= said
    assert re.fullmatch(r"[\w\s:;,.+=-]+", METHODS), "a character that belongs to no name and no sentence"


def test_an_option_of_a_command_itself_is_not_under_the_heading_of_a_group() -> None:
    headings = {
        (name, option.name): getattr(option, "rich_help_panel", None)
        for name in ("rank", "fit")
        for option in COMMANDS[name].params
    }
    assert headings["rank", "verdicts"] is None
    assert headings["rank", "timeout"] == "Asking a model"
    assert headings["fit", "verdicts"] == "Fitting a person"
