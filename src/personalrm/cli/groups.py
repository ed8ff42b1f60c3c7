"""Groups of options that several commands share, each defined once.

    @with_options(CHOICES, ENDPOINT)
    def evaluate(context: typer.Context, profile: ProfileFile, test: HistoryFile) -> None: ...

The command gets the options of the groups in its signature, and therefore in its help; their values are read from
``context.params`` (`inputs.read`, `inputs.endpoint_options`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy
from functools import partial, wraps
from typing import Annotated, Any, TypeAlias, get_args

import typer

from personalrm.cli.options import BaseUrl, PersonaPrompt, Preset, PresetName, Seed, VerdictsName, VerdictsOption

Group: TypeAlias = tuple[inspect.Parameter, ...]


def _reading(
    *,
    columns: Annotated[
        str | None,
        typer.Option(help="Column names: prompt=question,chosen=better,rejected=worse,user=rater or a=…,b=…,winner=…."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail at the first bad row instead of skipping it.")] = False,
    limit: Annotated[
        str | None, typer.Option(help="Size limits of the input, e.g. row=64MB,depth=200; see docs/formats.md.")
    ] = None,
) -> None: ...


def _ratings(
    *,
    min_gap: Annotated[float, typer.Option(min=0, help="Ratings: minimum score difference of a choice.")] = 0.0,
) -> None: ...


def _fitting(
    *,
    preset: Preset = PresetName.default,
    verdicts: VerdictsOption = VerdictsName.token,
    samples: Annotated[int, typer.Option(min=1, help="Reasonings sampled per choice.")] = 1,
    both_orders: Annotated[bool, typer.Option("--both-orders", help="Verify reasonings in both orders.")] = False,
    validation: Annotated[float, typer.Option(min=0, max=1, help="Share of choices held out for validation.")] = 0.3,
    persona_prompt: PersonaPrompt = None,
    seed: Seed = 0,
) -> None: ...


def _endpoint(
    *,
    base_url: BaseUrl = None,
    cache: Annotated[
        str | None,
        typer.Option(help="Answer cache: a file or postgresql://USER@HOST/NAME (default: PERSONALRM_CACHE)."),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Maximum concurrent requests.")] = 64,
    max_calls: Annotated[int | None, typer.Option(min=0, help="Maximum calls; finished work is kept.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, help="Maximum cost in US dollars; needs --prices.")] = None,
    prices: Annotated[str | None, typer.Option(help="IN,OUT[,CACHED]: dollars per million tokens.")] = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="Timeout of a request in seconds; extended for slow hosts.")
    ] = 120.0,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            min=1, help="Maximum tokens per answer, reasoning included (default: raised when an answer is cut off)."
        ),
    ] = None,
    reasoning_effort: Annotated[str | None, typer.Option(help="Reasoning models: low, medium or high.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ignore cached answers and replace them.")] = False,
) -> None: ...


def _group(said_by: Callable[..., None], panel: str) -> Group:
    """The parameters of a function that only defines a signature; ``panel`` is their heading in the help."""
    return tuple(map(partial(_under, panel), inspect.signature(said_by, eval_str=True).parameters.values()))


def _under(panel: str, parameter: inspect.Parameter) -> inspect.Parameter:
    """A copy of the parameter whose option has a heading: commands use the same option outside the group."""
    kind, option = get_args(parameter.annotation)
    option = copy(option)
    option.rich_help_panel = panel
    return parameter.replace(annotation=Annotated[kind, option])


PAIRS = _group(_reading, "Reading choices")
"""Options for reading pairs, labelled or not."""
CHOICES = (*PAIRS, *_group(_ratings, "Reading choices"))
"""Options for reading choices."""
STRICT = tuple(one for one in PAIRS if one.name == "strict")
FITTING = _group(_fitting, "Fitting a person")
"""Options for fitting a person; read by `inputs.fit_options`."""
ENDPOINT = _group(_endpoint, "Asking a model")
"""Endpoint options; the names are those of `EndpointOptions`."""


def with_options(*groups: Group) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that adds the options of the groups to a command, after its own."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)

        @wraps(command)
        def with_groups(**given: Any) -> None:
            command(**{name: value for name, value in given.items() if name in own.parameters})

        together = [*own.parameters.values(), *(one for group in groups for one in group)]
        with_groups.__signature__ = own.replace(parameters=together)  # type: ignore[attr-defined]
        with_groups.__annotations__ = {one.name: one.annotation for one in together}
        return with_groups

    return decorate


def extended(
    base: Callable[..., None], command: Callable[[typer.Context, dict[str, Any]], None], **more: tuple[Any, Any]
) -> Callable[..., None]:
    """A command with all options of another one and further ones; ``command`` gets the values of all of them.

    Args:
        base: the other command.
        more: annotation and default of each further option, or of one that replaces one of the base's; ``...`` marks a
            required option.
    """

    @wraps(command)
    def with_more(context: typer.Context, **given: Any) -> None:
        command(context, given)

    known = inspect.signature(base, eval_str=True).parameters
    parameters = {name: one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for name, one in known.items()}
    for name, (annotation, default) in more.items():
        default = inspect.Parameter.empty if default is ... else default
        parameters[name] = inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )
    with_more.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
    with_more.__annotations__ = {one.name: one.annotation for one in parameters.values()}
    return with_more
