"""`personalrm fit` and `personalrm update`: from choices to a profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from personalrm.cli import inputs, progress
from personalrm.cli.groups import CHOICES, ENDPOINT, FITTING, with_options
from personalrm.cli.options import Force, HistoryFile, Model, Population, ProfileFile, User

if TYPE_CHECKING:
    from personalrm.profile.records import Profile


@with_options(FITTING, CHOICES, ENDPOINT)
def fit(
    context: typer.Context,
    history: HistoryFile,
    user: User = None,
    model: Model = None,
    out: Annotated[Path | None, typer.Option(help="File to write the profile to.")] = None,
    force: Force = False,
    population: Population = None,
) -> None:
    """Fit a profile to one person's choices; show the persona, its evidence and whether it helps."""
    inputs.check_output(out)
    inputs.say_what_is_idle(context, model)
    choices = inputs.read(history, user, context)
    inputs.check_output(out, choices, force)
    options = inputs.fit_options(context)
    with progress.progress("fitting", inputs.planned_calls(choices, options)) as answered:
        client = inputs.client(context, model, options=options, population=population, answered=answered)
        profile = client.fit(choices)
    _keep_and_show(profile, out, force)


@with_options(CHOICES, ENDPOINT)
def update(
    context: typer.Context,
    profile: ProfileFile,
    history: HistoryFile,
    out: Annotated[
        Path | None, typer.Option(help="File to write the new profile to (default: replace the old one).")
    ] = None,
    force: Force = False,
    population: Population = None,
) -> None:
    """Add new choices of the same person to a profile; earlier answers are reused."""
    from personalrm.profile.file import load

    out = out or profile
    inputs.check_output(out)
    with inputs.held(out, "update"):  # concurrent updates would both start from the old profile and lose one
        known = load(profile)
        inputs.check_output(out, known.history, force)
        with progress.progress("updating") as answered:
            client = inputs.client(context, known.model, population=population, answered=answered)
            updated = client.update(known, inputs.read_for(history, known, context))
        _keep_and_show(updated, out, force)


def _keep_and_show(profile: Profile, out: Path | None, force: bool) -> None:
    """Save first, so that a closed pipe (`| head`) does not lose the profile; also shown if it cannot be saved."""
    from personalrm.cli import output
    from personalrm.profile.file import save

    try:
        if out is not None:
            save(profile, out, force=force)
    finally:
        output.profile(profile)
    if out is not None:
        output.remark(f"Kept in {out}.")
