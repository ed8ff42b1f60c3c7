"""A run over many people, start to end: hash the inputs, sort them into shards, fit the shards, sum up.

    with Processes(2) as executor:
        outcome = run_over_people(FitRun(files, Path("out"), FitOptions()), executor)

Finished parts are recorded with what they were made from, so the same run goes on where it was stopped, on any
executor, and gives the same bytes. The process that drives a run holds counts and file names only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from personalrm import prompts
from personalrm.cluster.embedding import EMBEDDING, ShardTexts, TextsToFit, stages
from personalrm.cluster.executor import Executor, Job
from personalrm.cluster.fitting import FitOptions, FitShard
from personalrm.cluster.folder import (
    ERRORS,
    MANIFEST,
    ClusterFolder,
    RunManifest,
    ShardRecord,
    SplitRecord,
    Trouble,
    check_folder,
    read_part,
    write_errors,
    write_record,
)
from personalrm.cluster.splitting import HashInput, SplitInput, shards_for
from personalrm.cluster.texts import embedding_executor, has_encoder
from personalrm.data.sources import ReadOptions
from personalrm.errors import DataError, Interrupted, StorageError, printable
from personalrm.files import read_record
from personalrm.locks import hold
from personalrm.models.registry import TRAINED, is_embedded
from personalrm.models.served_name import without_url
from personalrm.profile.provenance import Provenance, hash_of, stamp_of_folder
from personalrm.profile.spend import Spend
from personalrm.profile.table import PROFILES, ROWS, read_stamp

J = TypeVar("J", bound=Job[Any])
Tell = Callable[[str, int, int], None]
"""Called with the stage, the number of its completed parts, and their total."""


class ShardJob(Job[ShardRecord], Protocol):
    """Job that creates the file of one shard and its record."""

    @property
    def shard(self) -> int:
        """Which."""
        ...


@dataclass(frozen=True, slots=True)
class FitRun:
    """Settings of a run.

    Attributes:
        files: absolute paths of files of choices.
        out: folder of the run.
        how: options of the fits.
        reading: options for reading files.
        shards: number of shards; None derives it from the size of the files.
        force: start again if the folder has a run with other inputs.
    """

    files: tuple[Path, ...]
    out: Path
    how: FitOptions
    reading: ReadOptions = field(default_factory=ReadOptions)
    shards: int | None = None
    force: bool = False

    @property
    def kind(self) -> str:
        """Prefix of the names of its files."""
        return PROFILES

    def count(self) -> int:
        """Number of shards."""
        return self.shards or shards_for(self.files)

    def depends_on(self) -> dict[str, object]:
        """Dependencies of the result other than inputs and model."""
        found: dict[str, object] = {**asdict(self.how.options), "row_group": ROWS}
        if is_embedded(self.how.model):
            given = self.how.population
            found["population"] = None if given is None else HashInput(Path(given)).run()
        return found

    def texts(self, shards: int) -> ShardTexts | None:
        """The texts to embed before people are fitted; None for a model without an encoder."""
        how = self.how
        if not has_encoder(how.model):
            return None
        population = how.population if is_embedded(how.model) else None
        return TextsToFit(how.model, shards, len(self.files), population, how.options.seed)

    def job(self, shard: int, shards: int, key: str, limits: str | None, encoder: str | None) -> ShardJob:
        """The job of one shard; ``encoder`` is the model whose texts were embedded before, if it has one."""
        return FitShard(self.out, shards, shard, len(self.files), key, self.how, limits, encoder)


@dataclass(frozen=True, slots=True)
class RunResult:
    """Result of a run.

    Attributes:
        people: number of people with a profile; ``choices`` is the number of their choices.
        troubles: people and files that could not be used, as in ``errors.jsonl``.
        reused: shards completed by an earlier run, of ``shards``.
        lost: jobs that ran again because their worker died.
        spend: cost of a language model, including earlier runs of these shards.
        remarks: messages about skipped rows.
    """

    people: int
    choices: int
    troubles: int
    shards: int
    reused: int
    lost: int
    spend: Spend
    remarks: tuple[str, ...]


def run_over_people(run: FitRun, executor: Executor, tell: Tell = lambda *_: None) -> RunResult:
    """Fit, or score (`scoring.ScoreRun`), all people.

    Raises:
        DataError: nothing of the files can be used, or the folder holds another run.
        Interrupted: Ctrl-C; the same run goes on where it was.
        PersonalrmError: an error that affects all people, as in `synthesis.fitting.fit_people`.
    """
    root = run.out.resolve()
    with hold(root, "run of personalrm cluster"):
        try:
            return _Driver(replace(run, out=root), executor, tell).run()
        except KeyboardInterrupt:
            raise Interrupted(
                "interrupted; finished shards and every answer are kept: run the same command again to resume"
            ) from None


class _Driver:
    """One run."""

    def __init__(self, run: FitRun, executor: Executor, tell: Tell) -> None:
        self._run, self._executor, self._tell = run, executor, tell
        self._folder = ClusterFolder(run.out, run.count(), run.kind)
        self._texts = run.texts(self._folder.shards)

    def run(self) -> RunResult:
        manifest = self._manifest()
        if not check_folder(self._run.out, manifest, force=self._run.force):
            self._folder.restart()
            self._folder.make()
            write_record(self._run.out / MANIFEST, manifest)
        done = self._finished(manifest.provenance.key)
        missing = [shard for shard in range(self._folder.shards) if shard not in done]
        reused = len(done)
        split = self._split(list(manifest.inputs.values())) if missing else []
        self._embed(manifest.provenance.key, missing)
        for job, record in self._each(
            self._run.kind, self._jobs(missing, manifest.provenance.key), len(missing), reused
        ):
            self._check_seen(self._folder.shard_record(job.shard))
            done[job.shard] = record
        return self._sum_up(manifest, done, split, reused)

    def _manifest(self) -> RunManifest:
        files = self._run.files
        hashes: dict[Path, str] = {}
        for job, found in self._each("looking through the files", [HashInput(one) for one in files], len(files)):
            hashes[job.path] = found
        inputs = {f"{place}:{printable(one.name)}": hashes[one] for place, one in enumerate(files)}
        return RunManifest(inputs, self._folder.shards, self._provenance(inputs, hashes))

    def _provenance(self, inputs: dict[str, str], hashes: dict[Path, str]) -> Provenance:
        how, reading = self._run.how, self._run.reading
        options = {
            **self._run.depends_on(),
            "min_gap": reading.min_gap,
            "columns": hash_of(reading.arguments["columns"]),
        }
        options |= {"limits": asdict(reading.limits), "strict": reading.strict}
        trained = how.model.startswith(TRAINED)
        return Provenance(
            data=hash_of(inputs),
            model=without_url(how.model),
            stamp=stamp_of_folder(how.model.removeprefix(TRAINED)) if trained else None,
            prompts=prompts.hashes() if how.asks_language_model else {},
            options=options,
            seed=how.options.seed,
        )

    def _finished(self, key: str) -> dict[int, ShardRecord]:
        """Shards whose record exists and whose file is whole: its end names what it was made from."""
        found: dict[int, ShardRecord] = {}
        for shard in range(self._folder.shards):
            record = read_part(self._folder.shard_record(shard), ShardRecord, self._key(key, shard))
            if record is not None and read_stamp(self._folder.output(shard)) == {"key": record.key}:
                found[shard] = replace(record, troubles=())
        return found

    def _key(self, key: str, part: int) -> str:
        return hash_of([key, self._folder.shards, part])

    def _split(self, hashes: list[str]) -> list[SplitRecord]:
        """Sort the inputs into shards; those that are sorted already are left as they are."""
        jobs: list[SplitInput] = []
        done: list[SplitRecord] = []
        for number, path in enumerate(self._run.files):
            key = hash_of([hashes[number], path.name, self._run.reading.arguments, self._folder.shards])
            record = read_part(self._folder.split_record(number), SplitRecord, key)
            if record is not None and self._folder.spill(number).is_file():
                done.append(record)
            else:
                jobs.append(SplitInput(path, number, self._run.out, self._folder.shards, self._run.reading, key))
        for job, record in self._each("sorting people", jobs, len(jobs), len(done)):
            self._check_seen(self._folder.split_record(job.number))
            done.append(record)
        refused = [one.refused for one in done if one.refused]
        if len(refused) == len(done):
            raise DataError(refused[0] or "")
        return done

    def _embed(self, key: str, missing: list[int]) -> None:
        """Embed each text once, if the model has an encoder."""
        if self._texts is None or not missing:
            return
        embeds = embedding_executor(self._texts.model, self._executor)
        for stage, jobs, done in stages(self._folder, self._texts, self._key(key, -1)):
            executor = embeds if stage == EMBEDDING else self._executor
            for job, _ in self._each(stage, jobs, len(jobs), done, executor):
                self._check_seen(job.record)

    def _jobs(self, missing: list[int], key: str) -> Iterator[ShardJob]:
        how = self._run.how
        encoder = None if self._texts is None else self._texts.model
        shared = self._executor.share(how.endpoint) if how.asks_language_model and missing else None
        for shard in missing:
            yield self._run.job(shard, self._folder.shards, self._key(key, shard), shared, encoder)

    def _each(
        self, stage: str, jobs: Iterable[J], count: int, already: int = 0, executor: Executor | None = None
    ) -> Iterator[tuple[J, Any]]:
        total = count + already
        self._tell(stage, already, total)
        for place, found in enumerate((executor or self._executor).run(jobs), already + 1):
            yield found
            self._tell(stage, place, total)

    @staticmethod
    def _check_seen(path: Path) -> None:
        if not path.is_file():
            raise StorageError(
                f"{path} is not there, although a worker wrote it: --out must be a folder all machines share"
            )

    def _sum_up(
        self, manifest: RunManifest, done: dict[int, ShardRecord], split: list[SplitRecord], reused: int
    ) -> RunResult:
        troubles = write_errors(self._run.out / ERRORS, self._troubles())
        records = [done[shard] for shard in sorted(done)]
        spend = sum((one.spend for one in records), Spend(cost=0.0))
        result = RunResult(
            people=sum(one.people for one in records),
            choices=sum(one.choices for one in records),
            troubles=troubles,
            shards=self._folder.shards,
            reused=reused,
            lost=self._executor.lost,
            spend=spend,
            remarks=tuple(remark for one in split for remark in one.remarks),
        )
        totals = {"people": result.people, "choices": result.choices, "troubles": troubles}
        write_record(self._run.out / MANIFEST, replace(manifest, finished=totals))
        self._folder.remove_spills()
        return result

    def _troubles(self) -> Iterator[Trouble]:
        for number, path in enumerate(self._run.files):
            record = self._folder.split_record(number)
            if record.is_file():
                refused = read_record(record, SplitRecord, "record").refused
                if refused:
                    yield Trouble(path.name, None, refused)
        for shard in range(self._folder.shards):
            yield from read_record(self._folder.shard_record(shard), ShardRecord, "record").troubles
