"""`personalrm compare`, `rank`, `score` and `evaluate`: what a profile predicts."""

from __future__ import annotations

from typing import Annotated

import typer

from personalrm.cli import inputs, progress
from personalrm.cli.groups import CHOICES, ENDPOINT, with_options
from personalrm.cli.options import (
    FirstResponse,
    HistoryFile,
    Json,
    Model,
    ProfileFile,
    Prompt,
    Response,
    SecondResponse,
    VerdictsName,
    VerdictsOption,
)

MAX_RISK = "Answer only where the share of wrong answers is at most this (0 to 0.5); traits only, see docs/traits.md."


@with_options(ENDPOINT)
def compare(
    context: typer.Context,
    profile: ProfileFile,
    prompt: Prompt,
    a: FirstResponse,
    b: SecondResponse,
    model: Model = None,
    verdicts: VerdictsOption = VerdictsName.reasoned,
    max_risk: Annotated[float | None, typer.Option(metavar="RISK", help=MAX_RISK)] = None,
    as_json: Json = False,
) -> None:
    """Predict which of two responses the person prefers: a probability from both orders, and why."""
    from personalrm.cli import output

    known, client = inputs.opened(context, profile, model)
    pair = inputs.text(prompt), inputs.text(a), inputs.text(b)
    verdict = client.compare(known, *pair, verdicts=verdicts.value, max_risk=max_risk)
    output.verdict(verdict, as_json=as_json)
    if verdict.probability is None:
        raise typer.Exit(1)


@with_options(ENDPOINT)
def rank(
    context: typer.Context,
    profile: ProfileFile,
    prompt: Prompt,
    response: Annotated[list[str], typer.Option(help="A response, or @file; repeatable.")],
    model: Model = None,
    verdicts: VerdictsOption = VerdictsName.token,
    as_json: Json = False,
) -> None:
    """Rank several responses for this person, best first."""
    from personalrm.bench.answers import nothing_scored
    from personalrm.cli import output
    from personalrm.errors import UnusableResponse

    responses = [inputs.text(one) for one in response]
    known, client = inputs.opened(context, profile, model)
    ranking = client.rank(known, inputs.text(prompt), responses, verdicts=verdicts.value)
    output.ranking(ranking, responses, as_json=as_json)
    if ranking.compared and ranking.unscored == ranking.compared:
        reasons = [ranking.unscored_reason or "no reason given"]
        raise UnusableResponse(f"{known.model}: {nothing_scored(reasons, ranking.compared)}")


@with_options(ENDPOINT)
def score(
    context: typer.Context,
    profile: ProfileFile,
    prompt: Prompt,
    response: Response,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Score one response for this person, in log-odds."""
    from personalrm.cli import output

    known, client = inputs.opened(context, profile, model)
    found = client.score(known, inputs.text(prompt), inputs.text(response))
    output.score(found, as_json=as_json)
    if found is None:
        raise typer.Exit(1)


@with_options(CHOICES, ENDPOINT)
def evaluate(
    context: typer.Context,
    profile: ProfileFile,
    test: HistoryFile,
    model: Model = None,
    verdicts: VerdictsOption = VerdictsName.token,
    as_json: Json = False,
) -> None:
    """Measure how well a profile predicts other choices of the same person, beside surface baselines."""
    from personalrm.bench.answers import nothing_scored
    from personalrm.cli import output
    from personalrm.data.files import name_of
    from personalrm.errors import UnusableResponse

    with progress.progress("evaluating") as answered:
        known, client = inputs.opened(context, profile, model, answered)
        choices = inputs.read_for(test, known, context)
        found = client.evaluate(known, choices, name=name_of(test), verdicts=verdicts.value)
    output.evaluation(found, tuple(choices), as_json=as_json)
    if found.verdicts and all(one.probability is None for one in found.verdicts.values()):
        reasons = [one.unscored or "no reason given" for one in found.verdicts.values()]
        raise UnusableResponse(f"{known.model}: {nothing_scored(reasons, len(reasons))}")
