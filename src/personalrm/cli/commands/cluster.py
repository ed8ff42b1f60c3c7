"""`personalrm cluster`: many people at once, on one machine or a Ray cluster.

personalrm cluster fit choices/*.jsonl.gz --out profiles                      # this process
personalrm cluster fit choices/*.jsonl.gz --out profiles --processes 8        # eight processes on this machine
personalrm cluster fit choices/*.jsonl.gz --out profiles --address auto       # an existing Ray cluster
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from personalrm.cli import inputs, progress
from personalrm.cli.commands.bench import bench
from personalrm.cli.examples import EXAMPLES
from personalrm.cli.groups import CHOICES, ENDPOINT, FITTING, extended, with_options
from personalrm.cli.options import HistoryFile, Model, Population

if TYPE_CHECKING:
    from personalrm.cluster.benchmark import BenchWork
    from personalrm.cluster.executor import Executor
    from personalrm.cluster.fitting import FitOptions
    from personalrm.cluster.running import FitRun, RunResult
    from personalrm.data.sources import ReadOptions
    from personalrm.profile.options import Options

SOME_FAILED = 4
"""Exit code of a completed run in which some people failed."""
app = typer.Typer(
    epilog=EXAMPLES["cluster"],
    name="cluster",
    help="Fit and score many people: in one process, in several, or on a Ray cluster.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Address = Annotated[
    str | None,
    typer.Option(help="Ray cluster: auto, HOST:6379 or ray://HOST:10001; 'local' starts Ray on this machine."),
]
ProcessCount = Annotated[int, typer.Option(min=1, help="Processes on this machine, without --address.")]
Shards = Annotated[
    int | None,
    typer.Option(min=1, max=65_536, help="Number of output files (default: one for every 1 to 4 MB of text)."),
]
BenchOut = Annotated[Path, typer.Option(help="Folder for finished work and results, shared by all machines.")]
ForceNew = Annotated[bool, typer.Option("--force", help="Start again if OUT holds a run of other data or options.")]


@app.command(epilog=EXAMPLES["cluster fit"])
@with_options(FITTING, CHOICES, ENDPOINT)
def fit(
    context: typer.Context,
    data: HistoryFile,
    out: Annotated[Path, typer.Option(help="Folder for profiles; on a cluster, one that all machines share.")],
    address: Address = None,
    processes: ProcessCount = 1,
    shards: Shards = None,
    force: ForceNew = False,
    model: Model = None,
    population: Population = None,
) -> None:
    """Fit every person in DATA; profiles as Parquet, one file per shard. An interrupted run resumes."""
    _one_thread()
    from personalrm.cluster.running import FitRun
    from personalrm.cluster.splitting import input_files
    from personalrm.models.registry import judging_name

    inputs.say_what_is_idle(context, model and judging_name(model))
    run = FitRun(tuple(input_files(data)), out, _fit_options(context), _how_read(context), shards, force)
    _carry_out(run, address, processes)


@app.command(epilog=EXAMPLES["cluster score"])
@with_options(CHOICES, ENDPOINT)
def score(
    context: typer.Context,
    profiles: Annotated[Path, typer.Argument(help="Folder written by cluster fit.")],
    data: HistoryFile,
    out: Annotated[Path, typer.Option(help="Folder for scores; on a cluster, one that all machines share.")],
    address: Address = None,
    processes: ProcessCount = 1,
    force: ForceNew = False,
    model: Annotated[
        str | None,
        typer.Option(help="Predict with trained:DIR, a served reward model or an LLM (default: each profile's model)."),
    ] = None,
) -> None:
    """Score every person's pairs in DATA with their profile: probability and log-odds per response, as Parquet."""
    _one_thread()
    from personalrm.cluster.scoring import ScoreRun
    from personalrm.cluster.splitting import input_files
    from personalrm.models.registry import judging_name
    from personalrm.profile.options import Options

    inputs.say_what_is_idle(context, model and judging_name(model))
    files, how = tuple(input_files(data)), _how_fitted(context, model, Options(), None)
    run = ScoreRun(files, out, how, _how_read(context), None, force, profiles.resolve(), model is None)
    _carry_out(run, address, processes)


def _bench(context: typer.Context, options: dict[str, Any]) -> None:
    """Compare methods as `personalrm bench` does; local methods are divided among workers, by fold."""
    _one_thread()
    from personalrm.cluster.benchmark import run_parts

    address, processes = options.pop("address"), options.pop("processes")
    work = _bench_work(context, options)
    with progress.cluster_progress() as tell, _executor(address, processes) as executor:
        run_parts(work, executor, options["out"], tell)
    bench(context=context, **options)  # skips these completed methods and runs those with a language model


app.command("bench", epilog=EXAMPLES["cluster bench"])(
    extended(bench, _bench, address=(Address, None), processes=(ProcessCount, 1), out=(BenchOut, ...))
)


@app.command(epilog=EXAMPLES["cluster extract"])
def extract(
    profiles: Annotated[Path, typer.Argument(help="Folder written by cluster fit.")],
    user: Annotated[str, typer.Option(help="User whose profile to write.")],
    out: Annotated[Path, typer.Option(help="File to write the profile to.")],
    force: Annotated[bool, typer.Option("--force", help="Also replace the profile of another person.")] = False,
) -> None:
    """Write one person's profile as a JSON file for the other commands."""
    from personalrm.cli import output
    from personalrm.errors import DataError
    from personalrm.profile.file import save
    from personalrm.profile.table import ProfileTable

    found = ProfileTable(profiles).of(user)
    if found is None:
        raise DataError(f"{profiles} has no profile of '{user}'")
    save(found, out, force=force)
    output.remark(f"Kept in {out}.")


def _bench_work(context: typer.Context, given: dict[str, Any]) -> BenchWork:
    from personalrm.bench.plan import Design
    from personalrm.cluster.benchmark import BenchWork
    from personalrm.cluster.splitting import input_files
    from personalrm.data.files import name_of
    from personalrm.models.from_population import Training
    from personalrm.profile.options import Options

    population = given["population"]
    people_are: Literal["seen", "unseen"] = "seen" if given["train_on_test_users_context"] else "unseen"
    others_are = None if population is None else name_of(population)
    persona_prompt = inputs.persona_prompt(given["persona_prompt"])
    options = Options(given["preset"].value, given["verdicts"].value, seed=given["seed"], persona_prompt=persona_prompt)
    return BenchWork(
        data=tuple(map(str, input_files(given["data"]))),
        population=() if population is None else tuple(map(str, input_files([population]))),
        reading=_how_read(context),
        design=Design(given["protocol"], given["folds"], given["seed"], name_of(given["data"]), others_are, people_are),
        methods=tuple(inputs.listed(given["methods"])),
        options=options,
        training=Training(given["features"], given["backbone"], given["device"].value),
        context_sizes=tuple(inputs.context_sizes(given["context_sizes"])),
    )


def _how_read(context: typer.Context) -> ReadOptions:
    """Workers print nothing; skipped items are in the result of the run."""
    from personalrm.data.sources import silent

    return replace(inputs.read_options(context), warn=silent)


def _carry_out(run: FitRun, address: str | None, processes: int) -> None:
    from personalrm.cluster.running import run_over_people

    with progress.cluster_progress() as tell, _executor(address, processes) as executor:
        result = run_over_people(run, executor, tell)
    _show(result, run)
    if result.troubles:
        raise typer.Exit(SOME_FAILED)


def _show(result: RunResult, run: FitRun) -> None:
    from personalrm.cli import output
    from personalrm.formatting.texts import counted

    for one in result.remarks:
        output.remark(one)
    if result.lost:
        output.remark(f"{counted(result.lost, 'job')} run again because a worker died.")
    if result.spend.calls or result.spend.cached:
        cost = f", ${result.spend.cost:.2f}" if result.spend.cost else ""
        output.remark(
            f"Asked {counted(result.spend.calls, 'call')}{cost}; {counted(result.spend.cached, 'answer')} known."
        )
    reused = f", {result.reused} of them finished before" if result.reused else ""
    people = counted(result.people, "profile" if run.kind == "profiles" else "user")
    choices = counted(result.choices, "choice")
    typer.echo(f"{people} of {choices} in {counted(result.shards, 'file')}{reused}: {output.clean(str(run.out))}")
    if result.troubles:
        output.remark(
            f"{counted(result.troubles, 'user or file', 'users or files')} left out: see {run.out / 'errors.jsonl'}."
        )


def _fit_options(context: typer.Context) -> FitOptions:
    from personalrm.profile.options import check_options

    options = inputs.fit_options(context)
    check_options(options)
    return _how_fitted(context, context.params["model"], options, context.params["population"])


def _how_fitted(context: typer.Context, model: str | None, options: Options, population: str | None) -> FitOptions:
    """The same settings on all machines: absolute paths, and the endpoint from this machine's environment."""
    from personalrm.cluster.fitting import FitOptions
    from personalrm.models.registry import DEFAULT, TRAINED
    from personalrm.models.served_name import is_served, parse_served

    model = model or DEFAULT
    if model.startswith(TRAINED):
        model = TRAINED + str(Path(model.removeprefix(TRAINED)).resolve())
    population = None if population is None else str(Path(population).resolve())
    how = FitOptions(model, options, population, inputs.endpoint_options(context))
    if not how.asks_endpoint:
        return how
    named = parse_served(model).url if is_served(model) else None
    endpoint = how.endpoint if named is None else replace(how.endpoint, base_url=named)
    return replace(how, endpoint=endpoint.resolved())


def _executor(address: str | None, processes: int) -> Executor:
    from personalrm.cluster.executor import InProcess, Processes

    if address is not None:
        from personalrm.cluster.on_ray import OnRay

        return OnRay(None if address == "local" else address)
    return InProcess() if processes == 1 else Processes(processes)


def _one_thread() -> None:
    """Use one thread for matrix products, so that the last bits are equal everywhere; called before numpy is
    imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
