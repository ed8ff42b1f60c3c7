"""The command line: parses options, calls the library, prints results. Text output is in `output`.

personalrm fit choices.jsonl --out me.json
personalrm compare me.json --prompt "How do I boil an egg?" --a "Eight minutes." --b @long.txt
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Annotated, Any, NoReturn

import typer
from typer.main import get_command

from personalrm import __version__
from personalrm.cli import signals, streams
from personalrm.cli.commands.bench import bench, report
from personalrm.cli.commands.cluster import app as cluster
from personalrm.cli.commands.curate import curate
from personalrm.cli.commands.data import app as data
from personalrm.cli.commands.diagnose import diagnose
from personalrm.cli.commands.export import export, persona
from personalrm.cli.commands.fit import fit, update
from personalrm.cli.commands.judge_weights import judge_weights
from personalrm.cli.commands.next_question import next_question
from personalrm.cli.commands.optimize_prompt import optimize_prompt
from personalrm.cli.commands.predict import compare, evaluate, rank, score
from personalrm.cli.commands.pull import pull
from personalrm.cli.commands.serve import app as serve
from personalrm.cli.commands.study import study
from personalrm.cli.commands.train import train
from personalrm.cli.commands.why import why
from personalrm.cli.encodings import plain_signs
from personalrm.cli.examples import EXAMPLES
from personalrm.cli.narrow_help import narrow
from personalrm.cli.old_spellings import modern
from personalrm.cli.options import Private
from personalrm.errors import BudgetSpent, Interrupted, PersonalrmError
from personalrm.files import is_full, reason

app = typer.Typer(
    name="personalrm",
    help="Fit a persona, a judge prompt and a reward model to a few choices of one user.",
    epilog=EXAMPLES[""],
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False, private: Private = False
) -> None:
    """Personalised reward models."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


ONE, MANY, SYSTEMS = "One user", "Research on many users", "Data, service, cluster"
for _panel, _commands in (
    (ONE, (fit, update, persona, export, compare, rank, score, evaluate, diagnose, next_question, why)),
    (MANY, (train, bench, study, report, curate, optimize_prompt, judge_weights)),
    (SYSTEMS, (pull,)),
):
    for _command in _commands:
        _name = _command.__name__.replace("_", "-")
        app.command(_name, epilog=EXAMPLES[_name], rich_help_panel=_panel)(_command)
for _group in (data, serve, cluster):
    app.add_typer(_group, rich_help_panel=SYSTEMS)


INTERRUPTED = "interrupted; all answers so far are kept: run the same command again to resume"


def main() -> None:
    """Run the command line; every expected failure prints one sentence and exits with a non-zero status."""
    signals.catch()
    streams.open_closed()
    streams.tolerate_lost_notes()
    plain_signs(sys.stdout, sys.stderr)
    with _sentences():
        from personalrm.cli import logs, output

        logs.show()
        words = modern(sys.argv[1:], output.remark)
        command = _built(words)
        narrow(command, output.console().width)
        try:
            command(words)
        finally:
            sys.stdout.flush()  # an error at exit would be a traceback


def _built(words: Sequence[str]) -> Any:
    """The command line; if it begins with a command, without the others: to build all of them takes 50 ms."""
    asked = copy(app)
    asked.registered_commands = [one for one in app.registered_commands if [one.name] == words[:1]]
    asked.registered_groups = [
        one for one in app.registered_groups if one.typer_instance and [one.typer_instance.info.name] == words[:1]
    ]
    return get_command(asked if asked.registered_commands or asked.registered_groups else app)


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except BudgetSpent as spent:
        _fail(f"{spent}; all answers so far are kept: run the same command with a higher limit to resume", 3)
    except PersonalrmError as error:
        _fail(str(error), signals.exit_code() if isinstance(error, Interrupted) else 1)
    except KeyboardInterrupt:
        _fail(INTERRUPTED, signals.exit_code())
    except BrokenPipeError:
        _broken_pipe()
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # click exits with 1
            _broken_pipe()
        if stop.code == 130:  # typer exits silently at Ctrl-C
            _fail(INTERRUPTED, signals.exit_code())
        raise
    except OSError as error:
        _fail(_of_the_system(error), 1)
    except Exception as error:
        _fault(error)


def _of_the_system(error: OSError) -> str:
    if is_full(error) and not error.filename:  # our files are named by `stored`
        streams.discard_stdout()
        return f"standard output cannot be written: {reason(error)}"
    return f"{error.filename} cannot be used: {reason(error)}" if error.filename else reason(error)


def _broken_pipe() -> NoReturn:
    """The reader of standard output has ended: exit silently."""
    streams.discard_stdout()
    sys.exit(141)


def _fault(error: Exception) -> None:
    if signals.interrupts(error):
        _fail(INTERRUPTED, signals.exit_code())
    if os.environ.get("PERSONALRM_DEBUG"):
        raise error
    if isinstance(error, ImportError):  # Python also says so of a folder that this user may not read
        way_out = "install it again (pip install --force-reinstall personalrm), or let this user read its folders"
        _fail(f"the installation in {sys.prefix} is incomplete or cannot be read ({error}): {way_out}", 1)
    _fail(f"an internal error of personalrm ({type(error).__name__}); PERSONALRM_DEBUG=1 shows where", 70)


def _fail(sentence: str, code: int) -> None:
    try:
        from personalrm.cli import output

        output.remark(f"personalrm: {sentence}")
    except ImportError:  # what `_fault` reports
        sys.stderr.write(f"personalrm: {sentence}\n")
    sys.exit(code)
