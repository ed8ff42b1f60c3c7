"""A benchmark on many machines: methods with local models are divided by fold, and their rows collected in one folder.

    run_parts(work, executor, folder)      # then `personalrm.bench` finds the tasks of these methods completed

A part is one family of methods (methods that share their population model) on the people of one fold. It is a run of
`bench.running` in its own folder, so it can be resumed. Methods that ask a language model are not divided: one process
is enough to use an endpoint fully, and enforces one limit and one budget.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from personalrm import __version__, prompts
from personalrm.bench.methods import asks
from personalrm.bench.plan import Design
from personalrm.bench.run_folder import RUN, SECONDS, read_run, read_seconds
from personalrm.bench.run_log import rows_of
from personalrm.bench.running import run
from personalrm.cluster.executor import Executor
from personalrm.cluster.folder import PartRecord, read_part, write_record
from personalrm.cluster.splitting import HashInput
from personalrm.data.sources import ReadOptions, Source, source
from personalrm.errors import DataError, Interrupted
from personalrm.files import replace_file, stored, to_json
from personalrm.locks import hold
from personalrm.models.from_population import Training
from personalrm.models.registry import entry_of
from personalrm.profile.options import Options
from personalrm.profile.provenance import hash_of
from personalrm.profile.table import shard_of

PARTS = ".parts"
STAGE = "parts of methods"
_HELD: dict[str, Source] = {}
_MOST_HELD = 2
"""A person and the number of their population."""
_OF_MODELS = ("models", "options", "prompts")
_SHARES = "learned"
"""Prefixes of methods that each learn their own model; methods of other kinds share one."""


@dataclass(frozen=True, slots=True)
class BenchWork:
    """The benchmark to run.

    Attributes:
        data, population: absolute paths of files; without ``population``, the people of the other folds.
        reading: options for reading files.
        design: see `bench.plan`.
        methods: names; those that ask a model run in the driver process.
        options: options for fitting judges.
        training: training options.
        context_sizes: numbers of choices that personalized methods learn from.
    """

    data: tuple[str, ...]
    population: tuple[str, ...]
    reading: ReadOptions
    design: Design
    methods: tuple[str, ...]
    options: Options
    training: Training
    context_sizes: tuple[int | None, ...]

    @property
    def families(self) -> list[tuple[str, ...]]:
        """Methods with local models, grouped by shared population models."""
        found: dict[str, list[str]] = {}
        for name in self.methods:
            if not asks(name):
                home = entry_of(name).home
                found.setdefault(name if home.endswith(_SHARES) else home, []).append(name)
        return [tuple(one) for one in found.values()]

    @property
    def parts(self) -> int:
        """Parts per family: by fold, or by person if all people have one population."""
        return self.design.folds


@dataclass(frozen=True, slots=True)
class BenchPart:
    """One family of methods on one part of the people."""

    work: BenchWork
    methods: tuple[str, ...]
    part: int
    folder: Path
    key: str

    @property
    def name(self) -> str:
        return f"{', '.join(self.methods)}, part {self.part + 1} of {self.work.parts}"

    @property
    def record(self) -> Path:
        """File that marks this part as complete."""
        return self.folder.with_name(f"{self.folder.name}.json")

    def run(self) -> None:
        """Predict the part's tasks, then write the record."""
        work = self.work
        people, others = _read(work.data, work.reading), None
        if work.population:
            others = _read(work.population, work.reading)
        by_fold = not work.population and work.design.people == "unseen"
        run(
            people,
            self.methods,
            work.design,
            population=others,
            options=work.options,
            training=work.training,
            context_pairs=work.context_sizes,
            folder=self.folder,
            only=lambda one: (one.fold if by_fold else shard_of(one.task.user, work.parts)) == self.part,
        )
        write_record(self.record, PartRecord(self.key))


def run_parts(
    work: BenchWork, executor: Executor, out: Path, tell: Callable[[str, int, int], None] = lambda *_: None
) -> int:
    """Run the incomplete parts and collect all rows in ``out``; returns the number of parts that were already complete.

    Raises:
        DataError, StorageError: as in `bench.running.arun`. Interrupted: Ctrl-C; the same call resumes.
    """
    out = out.resolve()
    with hold(out / PARTS, "run of personalrm cluster bench"):
        try:
            return _run_parts(work, executor, out, tell)
        except KeyboardInterrupt:
            raise Interrupted("interrupted; finished tasks are kept: run the same command again to resume") from None


def _run_parts(work: BenchWork, executor: Executor, out: Path, tell: Callable[[str, int, int], None]) -> int:
    _check_same(out, asdict(work.design))
    files = dict.fromkeys((*work.data, *work.population))
    hashes = [found for _, found in executor.run([HashInput(Path(one)) for one in files])]
    made_from = [sorted(hashes), __version__, asdict(work.design), asdict(work.options), asdict(work.training)]
    jobs: list[BenchPart] = []
    for methods in work.families:
        for part in range(work.parts):
            key = hash_of([*made_from, hash_of(work.reading.arguments), work.context_sizes, methods, part])
            jobs.append(BenchPart(work, methods, part, out / PARTS / f"{hash_of(methods)[:8]}-{part:03d}", key))
    missing = [one for one in jobs if read_part(one.record, PartRecord, one.key) is None]
    for one in missing:
        if one.record.exists():  # made with other data or options, so it is discarded
            one.record.unlink()
            shutil.rmtree(one.folder, ignore_errors=True)
    done = len(jobs) - len(missing)
    tell(STAGE, done, len(jobs))
    for place, _ in enumerate(executor.run(missing), done + 1):
        tell(STAGE, place, len(jobs))
    if missing:
        _put_together(jobs, out)
    return done


def _put_together(jobs: list[BenchPart], out: Path) -> None:
    """Combine the folders of the parts into one run folder, with rows in the order of their tasks."""
    folders = [one.folder for one in jobs if (one.folder / RUN).is_file()]
    if not folders:
        raise DataError("no part was written: --out must be a folder all machines share")
    identity = {name: value for name, value in read_run(folders[0]).items() if name not in _OF_MODELS}
    _check_same(out, identity)
    with stored(out):
        if not (out / RUN).exists():
            replace_file(out / RUN, to_json({**identity, **_of_models(jobs[0].work)}))
        for kind in ("tasks", "judgements"):
            (out / kind).mkdir(exist_ok=True)
            for name in sorted({one.name for folder in folders for one in (folder / kind).glob("*.jsonl")}):
                rows = sorted(_rows(folders, kind, name), key=lambda row: row[0])
                replace_file(out / kind / name, (line for _, line in rows))
        spent = read_seconds(out)
        for name in {one for folder in folders for one in read_seconds(folder)}:
            spent[name] = round(sum(read_seconds(folder).get(name, 0.0) for folder in folders), 3)
        replace_file(out / SECONDS, to_json(spent))


def _check_same(out: Path, identity: Mapping[str, Any]) -> None:
    """Raise DataError rather than mix these rows with those of another run, or replace them."""
    if not (out / RUN).exists():
        if (out / "tasks").exists():
            raise DataError(f"{out} holds results without {RUN}: choose another --out")
        return
    known = read_run(out)
    changed = [name for name, value in identity.items() if known.get(name) != value]
    if changed:
        raise DataError(f"{out} holds another run (changed: {', '.join(changed)}): choose another --out")


def _of_models(work: BenchWork) -> dict[str, Any]:
    """The part of a run's identity that depends on language models; the parts use none."""
    asking = any(map(asks, work.methods))
    options, hashes = (asdict(work.options), prompts.hashes()) if asking else (None, None)
    return {"models": [], "options": options, "prompts": hashes}


def _rows(folders: Iterable[Path], kind: str, name: str) -> Iterator[tuple[int, bytes]]:
    for folder in folders:
        for row in rows_of(folder / kind / name):
            yield int(row["task"]), orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _read(paths: tuple[str, ...], reading: ReadOptions) -> Source:
    """The people of the files, cached in the process for the next part if small; the driver reports skipped rows."""
    name = hash_of([paths, reading.arguments])
    if name not in _HELD:
        while len(_HELD) >= _MOST_HELD:
            del _HELD[next(iter(_HELD))]
        _HELD[name] = source(list(paths), reading)
    return _HELD[name]
