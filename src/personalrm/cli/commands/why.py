"""`personalrm why`: list choices without a reason, and store the person's own reason for one.

personalrm why me.json
personalrm why me.json c17 "The other one never answers the question."
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from personalrm.cli import inputs, progress
from personalrm.cli.encodings import echo_source
from personalrm.cli.groups import ENDPOINT, with_options
from personalrm.cli.options import Force, Json, ProfileFile
from personalrm.errors import DataError

if TYPE_CHECKING:
    from personalrm.preferences import Preference
    from personalrm.profile.records import Profile

LONGEST = 600
"""Maximum characters of a text that are printed; --json has all of them."""


@with_options(ENDPOINT)
def why(
    context: typer.Context,
    profile: ProfileFile,
    choice: Annotated[str | None, typer.Argument(help="Id of the choice; without it the choices are listed.")] = None,
    reason: Annotated[str | None, typer.Argument(help="Why this response was preferred: text or @file.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Number of choices to list.")] = 3,
    out: Annotated[
        Path | None, typer.Option(help="File to write the new profile to (default: replace the old one).")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Store the reason for a choice; it is added to the persona's evidence and to the judge's input."""
    from personalrm.profile.file import load

    if choice is None:
        _list(load(profile), top, as_json, profile)
        return
    if reason is None:
        raise DataError(f"give a reason for choice '{choice}': personalrm why {profile} {choice} REASON")
    out = out or profile
    inputs.check_output(out)
    with inputs.held(out, "why"):
        known = load(profile)
        inputs.check_output(out, known.history, force)
        with progress.progress("updating") as answered:
            client = inputs.client(context, known.model, answered=answered)
            updated = client.update(known, reasons={choice: inputs.text(reason)})
        _keep(updated, choice, out, force)


def _keep(updated: Profile, choice: str, out: Path, force: bool) -> None:
    from personalrm.cli import output
    from personalrm.profile.file import save
    from personalrm.profile.records import TraitsState

    save(updated, out, force=force)
    if isinstance(updated.engine, TraitsState):
        output.remark("traits use choices only: the reason is stored but does not change predictions.")
    output.remark(f"The reason for {choice} is stored in {out}.")


def _list(known: Profile, top: int, as_json: bool, path: Path) -> None:
    from personalrm.cli import output
    from personalrm.formatting.texts import counted, json_text
    from personalrm.profile.reasons import unexplained

    open_ones = unexplained(known.history)
    shown = open_ones[:top]
    if as_json:
        rows = [{"id": one.id, "chosen": one.chosen, "rejected": one.rejected} for one in shown]
        echo_source(json_text({"user": known.user, "without_reason": len(open_ones), "choices": rows}))
        return
    if not open_ones:
        output.paragraph(f"Every choice in {path} has a reason.")
        return
    output.paragraph(f"{counted(len(open_ones), 'choice')} without a reason; the newest:")
    for one in shown:
        _show(one)
    output.paragraph(f'\nTo add a reason: personalrm why {path} ID "REASON"')


def _show(one: Preference) -> None:
    from personalrm.cli import output

    asked = [one.context[-1].content] if one.context else []
    parts = [("Asked", text) for text in asked] + [("Preferred", one.chosen), ("Not preferred", one.rejected)]
    output.paragraph(f"\n{one.id}")
    for name, text in parts:
        more = f" … ({len(text) - LONGEST:,} more characters)" if len(text) > LONGEST else ""
        output.paragraph(f"{name}: {text[:LONGEST]}{more}", indent=2)
