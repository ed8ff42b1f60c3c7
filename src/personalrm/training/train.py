"""A whole training run: read the data, check the folder, train or resume, evaluate, write the manifest.

result = train(TrainConfig("pref", "prism.jsonl.gz", Path("runs/pref")), reading, report)
result.manifest.metrics[0].accuracy
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from personalrm.data.sources import ReadOptions
from personalrm.errors import MissingExtra, StorageError
from personalrm.files import replace_file, stored
from personalrm.locks import hold
from personalrm.profile.provenance import Lineage
from personalrm.renamed import renamed, renamed_arguments
from personalrm.training import curves, manifest
from personalrm.training.card import card
from personalrm.training.config import TrainConfig, settings_of
from personalrm.training.evaluation import POPULATION, evaluate
from personalrm.training.folder import RunFingerprint, RunValue, as_json, begin, end, state_of
from personalrm.training.manifest import SCHEMA, DataFile, Manifest
from personalrm.training.outcome import Job, Outcome, ProgressCallback
from personalrm.training.people import TrainingData, check_disjoint, read

if TYPE_CHECKING:
    from personalrm.models.learned import Settings
    from personalrm.models.reward_model import RewardSettings


_log = logging.getLogger("personalrm.training")


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The manifest, and whether the run had been finished before."""

    manifest: Manifest
    was_finished: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """A training job and its data."""

    config: TrainConfig
    data: TrainingData
    validation: TrainingData | None
    job: Job

    def fingerprint(self) -> RunFingerprint:
        """Everything that the model depends on."""
        files = {"data": self.data} | ({} if self.validation is None else {"validation": self.validation})
        read_from = {name: RunValue(one.fingerprint, f"{one.name} ({one.fingerprint})") for name, one in files.items()}
        first = {"method": RunValue.of(self.config.method), **read_from, "part": RunValue.of(self.config.part)}
        return {**first, **self.job.fingerprint()}

    def manifest(self, outcome: Outcome, seconds: float, resumed: bool) -> Manifest:
        """The manifest; the metrics are computed here."""
        config, job = self.config, self.job
        sides = [self.data, *([] if self.validation is None else [self.validation])]
        return Manifest(
            schema=SCHEMA,
            kind=job.kind,
            method=job.label,
            features=job.sees,
            settings=asdict(job.settings),
            seed=config.seed,
            split=config.part,
            data=DataFile.of(self.data),
            validation=None if self.validation is None else DataFile.of(self.validation),
            people=outcome.people,
            choices=outcome.choices,
            evaluated_on=outcome.how,
            metrics=evaluate(job.label, outcome.predictions, config.seed),
            truncated=outcome.cut,
            device=_device(config) if job.uses_device else "cpu",
            seconds=round(seconds, 2),
            resumed=resumed,
            versions=manifest.versions(),
            lineage=Lineage.of(one.user for side in sides for one in side.people),
            run=as_json(self.fingerprint()),
        )


@renamed_arguments(order="config", tell="report")
def train(config: TrainConfig, reading: ReadOptions, report: ProgressCallback = lambda line: None) -> TrainingResult:
    """Train a model, or resume a run.

    Args:
        config: method, files and folder.
        reading: how the files are read, and where warnings about skipped rows go.
        report: called with one line about the work in progress.

    Raises:
        DataError, NotEnoughChoices: the files, settings or folder cannot be used, or another process is training into
            the folder; nothing has been trained.
        TrainingFailed: the loss became NaN or infinite; the last checkpoint is kept.
        StorageError: the folder cannot be written.
        MissingExtra: the packages for training are not installed.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    began = time.perf_counter()
    settings = settings_of(config)
    _check(config)
    with hold(config.out, "run of train"):
        return _train(config, settings, reading, report, began)


def _train(
    config: TrainConfig,
    settings: Settings | RewardSettings,
    reading: ReadOptions,
    report: ProgressCallback,
    began: float,
) -> TrainingResult:
    """As `train`, with the folder locked."""
    data, validation = _people(config, reading)
    report("loading the encoder or backbone")
    run = _Run(config, data, validation, _job(config, settings, data, validation))
    fingerprint = run.fingerprint()
    state = state_of(config.out, fingerprint, resume=config.resume)
    if state == "finished":
        end(config.out)  # the run may have been killed between manifest and clean-up
        return TrainingResult(manifest.read(config.out), True)
    if state == "new":
        begin(config.out, fingerprint)
    _log.info("%s: %d people, %s run in %s", run.job.label, len(data.people), state, config.out)
    outcome = run.job.train(config.out, fingerprint, report)
    found = run.manifest(outcome, time.perf_counter() - began, resumed=state == "unfinished")
    _write_results(config, found, outcome, reading)
    _log.info("%s: trained in %.1f s", run.job.label, found.seconds)
    return TrainingResult(found, False)


def _check(config: TrainConfig) -> None:
    """Checks that do not need the data."""
    if config.out.exists() and not config.out.is_dir():
        raise StorageError(f"{config.out} is a file: name a folder with --out")
    if config.device == "cuda":
        from personalrm.models.reward_model.backbones import device_of

        device_of(config.device)


def _people(config: TrainConfig, reading: ReadOptions) -> tuple[TrainingData, TrainingData | None]:
    data = read(config.data, config.part, reading)
    validation = None if config.validation is None else read(config.validation, config.part, reading)
    if data.marked:
        reading.warn(f"{data.name} marks targets, and they are in the training data; --split context leaves them out.")
    if validation is not None:
        check_disjoint(data, validation)
    return data, validation


def _job(
    config: TrainConfig, settings: Settings | RewardSettings, data: TrainingData, validation: TrainingData | None
) -> Job:
    from personalrm.models.reward_model import RewardSettings

    if isinstance(settings, RewardSettings):
        from personalrm.training import fine_tuning

        return fine_tuning.prepare(settings, data, validation)
    from personalrm.training import learned

    return learned.prepare(settings, data, validation, config.device)


def _write_results(config: TrainConfig, found: Manifest, outcome: Outcome, reading: ReadOptions) -> None:
    """Training curves and model card, then the manifest, which marks the run as finished."""
    population = next((one.log_loss for one in found.metrics if one.name == POPULATION), None)
    try:
        curves.write_curves(
            config.out, f"{found.method} · {found.data.name}", outcome.across, outcome.curves, population
        )
    except MissingExtra as missing:
        reading.warn(f"No training curves: {missing}.")
    if found.kind == "learned":
        with stored(config.out):
            replace_file(config.out / "README.md", [card(found).encode()])
    else:
        from personalrm.training.fine_tuning import add_to_card

        add_to_card(config.out, found.metrics)
    manifest.write(found, config.out)
    end(config.out)


def _device(config: TrainConfig) -> str:
    """The device that "auto" selects."""
    import torch

    if config.device == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda ({torch.cuda.get_device_name()})"


__getattr__ = renamed(__name__, {"Found": "TrainingResult"})
