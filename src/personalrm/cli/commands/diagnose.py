"""`personalrm diagnose`: why a profile does not help."""

from __future__ import annotations

import typer

from personalrm.cli import inputs
from personalrm.cli.groups import CHOICES, ENDPOINT, with_options
from personalrm.cli.options import HistoryFile, Json, Model, ProfileFile


@with_options(CHOICES, ENDPOINT)
def diagnose(
    context: typer.Context,
    profile: ProfileFile,
    data: HistoryFile,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """List problems of a profile, each with the number that shows it and what to do."""
    from personalrm.bench.diagnosis import NO_ANSWERS, Symptom
    from personalrm.bench.diagnosis import diagnose as examined
    from personalrm.cli import output
    from personalrm.errors import UnusableResponse
    from personalrm.llm import background_loop
    from personalrm.llm.connect import shared
    from personalrm.models.registry import asked_model, is_local
    from personalrm.profile.file import load

    found = load(profile)
    asked = model or found.model
    settings = inputs.endpoint_options(context)
    choices = inputs.read_for(data, found, context)

    async def work() -> list[Symptom]:
        return await examined(found, choices, None if is_local(asked) else shared(asked_model(asked), settings))

    symptoms = background_loop.run(work())
    output.diagnosis(symptoms, as_json=as_json)
    useless = next((one for one in symptoms if one.name == NO_ANSWERS and one.shown), None)
    if useless is not None:
        raise UnusableResponse(f"{asked}: {useless.measured}")
