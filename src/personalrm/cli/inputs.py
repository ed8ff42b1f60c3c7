"""Converts options to objects. Imports are local, so that `--help` is fast."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from personalrm.cli.groups import ENDPOINT, FITTING
from personalrm.cli.options import EMBEDDED_ONLY, ENDPOINT_ONLY, JUDGES_ONLY
from personalrm.errors import DataError, SeveralPeople
from personalrm.privacy import refuse_mixing
from personalrm.regular_files import content_of

if TYPE_CHECKING:
    from personalrm.client import Client
    from personalrm.data.sources import ReadOptions
    from personalrm.llm.connect import EndpointOptions
    from personalrm.preferences import History
    from personalrm.profile.options import Options
    from personalrm.profile.records import Profile


def say_what_is_idle(context: typer.Context, model: str | None) -> None:
    """Report the options that have no effect on this model."""
    from personalrm.cli import output
    from personalrm.models.registry import fitting_name, is_embedded, is_fused, is_local
    from personalrm.models.served_name import is_served

    local, embedded = model is None or is_local(model), model is None or is_embedded(model)
    served = model is not None and is_served(model)
    asked = ENDPOINT_ONLY if local else JUDGES_ONLY if served else ()
    learns = embedded or served or (model is not None and is_fused(fitting_name(model)))
    idle = given(context, (*asked, *(() if learns else EMBEDDED_ONLY)))
    if idle:
        whose = f"the model of {model}" if local else f"the endpoint's model {model}"
        why = "the embedded engine (name a model with --model)" if embedded else whose
        output.remark(f"No effect on {why}: {', '.join(idle)}.")


def given(context: typer.Context, names: Iterable[str]) -> list[str]:
    """The options given on the command line, as flags."""
    return [
        f"--{name.replace('_', '-')}"
        for name in names
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    ]


def check_output(out: Path | None, history: History | None = None, force: bool = False) -> None:
    """Check before any work that ``out`` can be written; with ``history``, also that it belongs to the same person."""
    from personalrm.profile.file import check_replaceable

    if out is not None:
        check_replaceable(out, history, force=force)


@contextmanager
def held(out: Path | None, work: str) -> Iterator[None]:
    """Lock the profile from reading to writing. DataError if another process has locked it."""
    from personalrm.locks import hold_file

    if out is None or not out.parent.is_dir() or (out.exists() and not out.is_file()):  # nothing to protect
        yield
        return
    with hold_file(out, work):
        yield


def refuse_if_private(context: typer.Context, what: str | None) -> None:
    """PrivacyRefused if ``--private`` was given, before or after the command, or PERSONALRM_PRIVATE is set.

    Args:
        what: the words of several people that the command puts into one prompt; None if there are none.
    """
    if what:
        refuse_mixing(what, private=bool(context.params.get("private") or context.find_root().params.get("private")))


def read_options(context: typer.Context) -> ReadOptions:
    """Options for reading files, from the command's options."""
    from personalrm.cli import output
    from personalrm.data.limits import Limits
    from personalrm.data.mapping import Columns
    from personalrm.data.sources import ReadOptions

    given = context.params
    columns, limits = Columns.parse(given.get("columns")), Limits.parse(given.get("limit"))
    return ReadOptions(given.get("strict", False), given.get("min_gap", 0.0), output.remark, columns, limits)


def read(paths: Sequence[str], user: str | None, context: typer.Context) -> History:
    """One person's history; skipped rows are reported on stderr."""
    from personalrm.data.problems import Problems
    from personalrm.data.reading import read_history

    problems, how = Problems(), read_options(context)
    history = read_history(paths, user, problems=problems, **how.arguments)
    for remark in problems.remarks(how.min_gap):
        how.warn(remark)
    return history


def read_for(paths: Sequence[str], profile: Profile, context: typer.Context) -> History:
    """The choices of the profile's person; those of the file's only person if it has another name or none."""
    from personalrm.cli import output
    from personalrm.data.files import name_of
    from personalrm.preferences import ME

    try:
        history = read(paths, None, context)
    except SeveralPeople:
        return read(paths, profile.user, context)
    if history.user not in (profile.user, ME):
        output.remark(f"{name_of(paths)} has the choices of '{history.user}', the profile belongs to '{profile.user}'.")
    return history


def client(context: typer.Context, model: str | None, **settings: Any) -> Client:
    """A client with the command's options for the endpoint."""
    from personalrm.client import Client

    return Client(model, endpoint=endpoint_options(context), **settings)


def opened(
    context: typer.Context, path: Path, model: str | None, answered: Callable[[], None] | None = None
) -> tuple[Profile, Client]:
    """A saved profile and a client for it; ``model`` replaces the profile's own model."""
    from personalrm.profile.file import load

    profile = load(path)
    return profile, client(context, model or profile.model, answered=answered)


def endpoint_options(context: typer.Context) -> EndpointOptions:
    """Endpoint options, from the command's options; defaults for those it does not have."""
    from personalrm.llm.connect import EndpointOptions
    from personalrm.llm.ledger import Prices

    given = {one.name: context.params[one.name] for one in ENDPOINT if one.name in context.params}
    prices = given.pop("prices", None)
    return EndpointOptions(prices=None if prices is None else Prices.parse(prices), **given)


def fit_options(context: typer.Context) -> Options:
    """Options of a fit, from the command's options."""
    from personalrm.profile.options import Options

    given = {one.name: context.params[one.name] for one in FITTING}
    names = {name: given[name].value for name in ("preset", "verdicts")}
    return Options(**given | names | {"persona_prompt": persona_prompt(given["persona_prompt"])})


def planned_calls(choices: History, options: Options) -> int | None:
    """Number of model answers that a fit needs; None if unknown."""
    from personalrm.synthesis.planned_calls import planned_calls as planned

    return planned(choices, options) if choices.decided else None


def persona_prompt(path: Path | None) -> str | None:
    """The instruction in a prompt file or text file; None if none is given."""
    from personalrm.optimizing.prompt_file import read_prompt

    return None if path is None else read_prompt(path)


def text(value: str) -> str:
    """The text, or the contents of the file after ``@``; ``@@`` starts a text with a literal @."""
    if not value.startswith("@"):
        return value
    if value.startswith("@@"):
        return value[1:]
    try:
        return content_of(Path(value[1:]), pipe=True).decode("utf-8")
    except OSError as error:
        raise DataError(f"{value[1:]} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{value[1:]}: expected text in UTF-8") from None


def listed(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [one.strip() for one in text.split(",") if one.strip()]


def methods(text: str) -> list[str]:
    """Names of methods from a comma-separated list; ``,neighbours=4`` belongs to the preceding name."""
    found: list[str] = []
    for one in listed(text):
        setting, equals, _ = one.partition("=")
        if found and ":" in found[-1] and equals and setting.isidentifier():
            found[-1] += f",{one}"
        else:
            found.append(one)
    return found


def shares_schemes(names: Sequence[str]) -> str | None:
    """The argument of `refuse_if_private` for a method whose prompts use other people's choices."""
    found = next((one for one in names if re.search(r"\bneighbours=0*[1-9]", one)), None)
    return None if found is None else f"method '{found}' puts criteria drawn from other people's choices into a prompt"


def models(several: list[str] | None) -> list[str]:
    """The names given with --model, which may be repeated and comma-separated."""
    return [one for text in several or [] for one in listed(text)]


def context_sizes(text: str | None) -> list[int | None]:
    """Numbers of choices from ``2,4,8,all``; default: all."""
    found: list[int | None] = []
    for one in listed(text or "all"):
        if one != "all" and not one.isdecimal():
            raise DataError(f"--context-sizes: expected numbers or 'all', separated by commas, found '{one}'")
        found.append(None if one == "all" else int(one))
    return found
