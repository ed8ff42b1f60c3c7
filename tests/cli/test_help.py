"""Help: each command has examples, and each example is a command line that the command accepts."""

from __future__ import annotations

import io
import re
import shlex
import sys

import pytest
import typer
from typer.main import get_command

from personalrm.cli.app import app, main
from personalrm.cli.examples import EXAMPLES
from personalrm.cli.narrow_help import narrow
from personalrm.cli.options import METHODS
from personalrm.models.registry import names

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
GROUPS = ("data", "serve", "cluster")
COMMANDS |= {f"{group} {name}": one for group in GROUPS for name, one in COMMANDS[group].commands.items()}


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


NARROW = get_command(app)
narrow(NARROW, 40)
BELOW = {"": NARROW, **NARROW.commands}  # type: ignore[attr-defined]
BELOW |= {f"{group} {name}": one for group in GROUPS for name, one in BELOW[group].commands.items()}


@pytest.mark.parametrize("columns", [40, 60])
def test_the_help_of_every_command_fits_and_cuts_nothing(columns: int) -> None:
    """On a narrow terminal with few characters (cp1252): names, values and examples are whole."""
    narrow(NARROW, columns)
    for name, command in BELOW.items():
        said = command.get_help(typer.Context(command, info_name=f"personalrm {name}".strip()))
        said.encode("cp1252")
        assert max(map(len, said.splitlines())) <= columns, name
        assert "Examples:" in said, name
        together = "".join(said.split())
        for option in command.params:
            long = next((one for one in option.opts if one.startswith("--")), "")
            assert option.hidden or long in together, f"{name} {long}"


@pytest.mark.parametrize(("columns", "encoding"), [(40, "cp1252"), (60, "cp1252"), (120, "cp1252")])
def test_the_command_line_writes_help_as_wide_as_the_terminal(
    columns: int, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(screen, encoding, write_through=True))
    monkeypatch.setattr(sys, "argv", ["personalrm", "fit", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = screen.getvalue().decode(encoding)
    assert max(map(len, said.splitlines())) <= columns
    assert "--reasoning-effort" in said
    assert "--force" in said
    assert "bool" not in said.lower()  # a flag takes no value; typer from 0.29 shows a type for it in its table
