"""The command line: thin; it parses, calls and prints. What it prints as text is in `showing`.

personalrm fit choices.jsonl --out me.json
personalrm compare me.json --prompt "How do I boil an egg?" --a "Eight minutes." --b @long.txt
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from personalrm import __version__
from personalrm.cli import inputs
from personalrm.cli.commands.bench import bench, report
from personalrm.cli.commands.curate import curate
from personalrm.cli.commands.diagnose import diagnose
from personalrm.cli.commands.next_question import ask
from personalrm.cli.commands.optimize_prompt import optimize_prompt
from personalrm.cli.commands.serve import app as serve
from personalrm.cli.commands.study import study
from personalrm.cli.commands.train import train
from personalrm.cli.options import (
    BaseUrl,
    Cache,
    Concurrency,
    ExportName,
    HistoryFile,
    Json,
    MaxCalls,
    MaxCost,
    MinGap,
    Model,
    PersonaPrompt,
    Population,
    PresetName,
    PriceList,
    ProfileFile,
    Seed,
    Strict,
    Text,
    Timeout,
    User,
    VerdictsName,
    VerdictsOption,
)
from personalrm.errors import BudgetSpent, Interrupted, PersonalrmError

if TYPE_CHECKING:
    from personalrm.synthesizeme import SynthesizeMe

app = typer.Typer(
    name="personalrm",
    help="A few choices of one person become a persona, a judge prompt and a reward model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Personalised reward models."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def fit(
    context: typer.Context,
    history: HistoryFile,
    user: User = None,
    model: Model = None,
    base_url: BaseUrl = None,
    preset: Annotated[PresetName, typer.Option(help="'paper' follows the released algorithm.")] = PresetName.default,
    out: Annotated[Path | None, typer.Option(help="Where to keep the profile.")] = None,
    population: Population = None,
    verdicts: VerdictsOption = VerdictsName.token,
    samples: Annotated[int, typer.Option(min=1, help="Reasonings asked for each choice.")] = 1,
    both_orders: Annotated[bool, typer.Option("--both-orders", help="Verify reasonings in both orders.")] = False,
    validation: Annotated[float, typer.Option(min=0, max=1, help="Share of the choices held back.")] = 0.3,
    persona_prompt: PersonaPrompt = None,
    seed: Seed = 0,
    strict: Strict = False,
    min_gap: MinGap = 0.0,
    cache: Cache = None,
    concurrency: Concurrency = 64,
    max_calls: MaxCalls = None,
    max_cost: MaxCost = None,
    prices: PriceList = None,
    timeout: Timeout = 120.0,
) -> None:
    """Learn what one person likes; show the persona, its evidence and whether it helps."""
    from personalrm.cli import output

    inputs.check_writable(out)
    inputs.say_what_is_idle(context, model)
    choices = inputs.read(history, user, strict, min_gap)
    with output.progress("fitting") as answered:
        me = inputs.engine(
            model,
            base_url=base_url,
            preset=preset.value,
            verdicts=verdicts.value,
            samples=samples,
            both_orders=both_orders,
            validation=validation,
            persona_prompt=inputs.persona_prompt(persona_prompt),
            seed=seed,
            population=population,
            cache=cache,
            concurrency=concurrency,
            max_calls=max_calls,
            max_cost=max_cost,
            prices=inputs.price_list(prices),
            timeout=timeout,
            answered=answered,
        ).fit(choices)
    _keep_and_show(me, out)


@app.command()
def persona(profile: ProfileFile) -> None:
    """Show a profile: the persona, the choices for and against each claim, and whether it helps."""
    from personalrm.cli import output
    from personalrm.profile.file import load

    output.profile(load(profile))


@app.command()
def compare(
    profile: ProfileFile,
    prompt: Text,
    a: Text,
    b: Text,
    base_url: BaseUrl = None,
    model: Model = None,
    verdicts: VerdictsOption = VerdictsName.reasoned,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Which of two responses the person prefers: a probability from both orders, and why."""
    from personalrm.cli import output

    me = inputs.load(profile, model, base_url, cache)
    verdict = me.compare(inputs.text(prompt), inputs.text(a), inputs.text(b), verdicts=verdicts.value)
    output.verdict(verdict, as_json=as_json)
    if verdict.probability is None:
        raise typer.Exit(1)


@app.command()
def rank(
    profile: ProfileFile,
    prompt: Text,
    response: Annotated[list[str], typer.Option(help="A response, or @file; give it several times.")],
    base_url: BaseUrl = None,
    model: Model = None,
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Several responses, best first for this person."""
    from personalrm.cli import output

    responses = [inputs.text(one) for one in response]
    ranking = inputs.load(profile, model, base_url, cache).rank(inputs.text(prompt), responses)
    output.ranking(ranking, responses, as_json=as_json)


@app.command()
def score(
    profile: ProfileFile,
    prompt: Text,
    response: Text,
    base_url: BaseUrl = None,
    model: Model = None,
    cache: Cache = None,
) -> None:
    """How much the person likes one response, as log-odds."""
    found = inputs.load(profile, model, base_url, cache).score(inputs.text(prompt), inputs.text(response))
    if found is None:
        raise PersonalrmError("unscored: the model's answer could not be read")
    typer.echo(f"{found:.4f}")


@app.command()
def evaluate(
    profile: ProfileFile,
    test: HistoryFile,
    base_url: BaseUrl = None,
    model: Model = None,
    verdicts: VerdictsOption = VerdictsName.token,
    strict: Strict = False,
    min_gap: MinGap = 0.0,
    cache: Cache = None,
    concurrency: Concurrency = 64,
    max_calls: MaxCalls = None,
    max_cost: MaxCost = None,
    prices: PriceList = None,
    timeout: Timeout = 120.0,
    as_json: Json = False,
) -> None:
    """How well a profile predicts other choices of the same person, with the surface baselines beside it."""
    from personalrm.cli import output

    with output.progress("evaluating") as answered:
        me = inputs.load(
            profile,
            model,
            base_url,
            cache,
            verdicts=verdicts.value,
            concurrency=concurrency,
            max_calls=max_calls,
            max_cost=max_cost,
            prices=inputs.price_list(prices),
            timeout=timeout,
            answered=answered,
        )
        choices = inputs.read_for(test, me.profile, strict, min_gap)
        found = me.evaluate(choices, name=Path(test).name)
    output.evaluation(found, tuple(choices), as_json=as_json)


@app.command()
def update(
    profile: ProfileFile,
    history: HistoryFile,
    out: Annotated[Path | None, typer.Option(help="Where to keep the new profile; the old one if left out.")] = None,
    base_url: BaseUrl = None,
    strict: Strict = False,
    min_gap: MinGap = 0.0,
    population: Population = None,
    cache: Cache = None,
    concurrency: Concurrency = 64,
    max_calls: MaxCalls = None,
    max_cost: MaxCost = None,
    prices: PriceList = None,
    timeout: Timeout = 120.0,
) -> None:
    """Learn from new choices of the same person; earlier answers are reused."""
    from personalrm.cli import output

    out = out or profile
    inputs.check_writable(out)
    with output.progress("updating") as answered:
        me = inputs.load(
            profile,
            None,
            base_url,
            cache,
            population=population,
            concurrency=concurrency,
            max_calls=max_calls,
            max_cost=max_cost,
            prices=inputs.price_list(prices),
            timeout=timeout,
            answered=answered,
        )
        me.update(inputs.read_for(history, me.profile, strict, min_gap))
    _keep_and_show(me, out)


@app.command()
def export(
    profile: ProfileFile,
    as_: Annotated[ExportName, typer.Option("--as", help="What to export.")],
) -> None:
    """Print the profile as a prompt: messages for a judge (JSON), or a system prompt for generation."""
    import orjson

    from personalrm.cli import output
    from personalrm.profile.file import load
    from personalrm.synthesis.prompting import generation_prompt, judge_prompt, persona_in_use

    found = load(profile)
    if not persona_in_use(found):
        why = "there is none" if found.persona is None else found.fallback.reason
        output.remark(f"The persona is not part of this prompt: {why}")
    if as_ is ExportName.generation:
        typer.echo(generation_prompt(found))
    else:
        typer.echo(orjson.dumps(judge_prompt(found, None, None, None), option=orjson.OPT_INDENT_2).decode())


app.command("ask")(ask)
app.command("bench")(bench)
app.command("report")(report)
app.command("curate")(curate)
app.command("optimize-prompt")(optimize_prompt)
app.command("study")(study)
app.command("diagnose")(diagnose)
app.command("train")(train)
app.add_typer(serve)


INTERRUPTED = "interrupted; every answer so far is kept: run the same command again to go on"


def main() -> None:
    """Run the command line; every expected failure is one sentence and a non-zero exit."""
    with _sentences():
        app()


@contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except BudgetSpent as spent:
        _fail(f"{spent}; every answer so far is kept: run the same command with a higher limit to go on", 3)
    except PersonalrmError as error:
        _fail(str(error), 130 if isinstance(error, Interrupted) else 1)
    except KeyboardInterrupt:
        _fail(INTERRUPTED, 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: nothing to say
        sys.exit(141)
    except SystemExit as stop:
        if stop.code == 130:  # typer's own way of dealing with Ctrl-C says nothing
            _fail(INTERRUPTED, 130)
        raise
    except OSError as error:
        _fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 1)
    except Exception as error:
        if os.environ.get("PERSONALRM_DEBUG"):
            raise
        _fail(f"a fault of personalrm itself ({type(error).__name__}); PERSONALRM_DEBUG=1 shows where", 70)


def _fail(sentence: str, code: int) -> None:
    from personalrm.cli import output

    output.remark(f"personalrm: {sentence}")
    sys.exit(code)


def _keep_and_show(me: SynthesizeMe, out: Path | None) -> None:
    """Kept first, so that a reader who goes away (`| head`) costs no profile; shown also where it cannot be kept."""
    from personalrm.cli import output

    try:
        if out is not None:
            me.save(out)
    finally:
        output.profile(me.profile)
    if out is not None:
        output.remark(f"Kept in {out}.")
