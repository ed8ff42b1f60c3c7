"""The whole: read the people, look at the folder, train or go on, measure, and say what came out.

found = train(TrainConfig("pref", "prism.jsonl.gz", Path("runs/pref")), reading, tell)
found.manifest.figures[0].accuracy
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from personalrm.data.sources import ReadOptions
from personalrm.errors import MissingExtra, StorageError
from personalrm.files import hold, replace_file, stored
from personalrm.profile.provenance import Lineage
from personalrm.training import curves, manifest
from personalrm.training.card import card
from personalrm.training.figures import EVERYBODY, figures
from personalrm.training.folder import Marks, RunMark, as_json, begin, end, state_of
from personalrm.training.manifest import SCHEMA, File, Manifest
from personalrm.training.order import TrainConfig, settings_of
from personalrm.training.outcome import Job, Outcome, Tell
from personalrm.training.people import TrainingData, check_apart, read

if TYPE_CHECKING:
    from personalrm.models.learned import Settings
    from personalrm.models.reward_model import RewardSettings


_log = logging.getLogger("personalrm.training")


@dataclass(frozen=True, slots=True)
class Found:
    """What is said of the model, and whether it was there already."""

    manifest: Manifest
    was_finished: bool


@dataclass(frozen=True, slots=True)
class _Run:
    """A training and what it is made of."""

    order: TrainConfig
    data: TrainingData
    validation: TrainingData | None
    job: Job

    def marks(self) -> Marks:
        """What the model hangs on."""
        files = {"data": self.data} | ({} if self.validation is None else {"validation": self.validation})
        read_from = {name: RunMark(one.fingerprint, f"{one.name} ({one.fingerprint})") for name, one in files.items()}
        first = {"method": RunMark.of(self.order.method), **read_from, "part": RunMark.of(self.order.part)}
        return {**first, **self.job.marks()}

    def manifest(self, outcome: Outcome, seconds: float, resumed: bool) -> Manifest:
        """What is to be said of it; figures are measured here."""
        order, job = self.order, self.job
        sides = [self.data, *([] if self.validation is None else [self.validation])]
        return Manifest(
            schema=SCHEMA,
            kind=job.kind,
            method=job.label,
            sees=job.sees,
            settings=asdict(job.settings),
            seed=order.seed,
            part=order.part,
            data=File.of(self.data),
            validation=None if self.validation is None else File.of(self.validation),
            people=outcome.people,
            choices=outcome.choices,
            how=outcome.how,
            figures=figures(job.label, outcome.predicted, order.seed),
            cut=outcome.cut,
            device=_device(order) if job.computes else "cpu",
            seconds=round(seconds, 2),
            resumed=resumed,
            versions=manifest.versions(),
            lineage=Lineage.of(one.user for side in sides for one in side.people),
            run=as_json(self.marks()),
        )


def train(order: TrainConfig, reading: ReadOptions, tell: Tell = lambda line: None) -> Found:
    """Train a model, or go on with one.

    Args:
        order: what is asked for.
        reading: how the files are read, and who is told what was skipped.
        tell: told what is being done.

    Raises:
        DataError, NotEnoughChoices: the files, settings or folder cannot be used, or another process is training into
            the folder; nothing has been trained.
        TrainingFailed: the loss is no number any more; what was good before is kept.
        StorageError: the folder cannot be written.
        MissingExtra: the packages for training are not installed.
        KeyboardInterrupt: Ctrl-C; the run can be gone on with.
    """
    began = time.perf_counter()
    settings = settings_of(order)
    _check(order)
    with hold(order.out, "run of train"):
        return _train(order, settings, reading, tell, began)


def _train(
    order: TrainConfig, settings: Settings | RewardSettings, reading: ReadOptions, tell: Tell, began: float
) -> Found:
    """As `train`, in a folder that nobody else writes to."""
    data, validation = _people(order, reading)
    tell("finding the weights")
    run = _Run(order, data, validation, _job(order, settings, data, validation))
    marks = run.marks()
    state = state_of(order.out, marks, resume=order.resume)
    if state == "finished":
        end(order.out)  # of a run that was killed at its last breath
        return Found(manifest.read(order.out), True)
    if state == "new":
        begin(order.out, marks)
    _log.info("%s: %d people, a run that is %s, in %s", run.job.label, len(data.people), state, order.out)
    outcome = run.job.train(order.out, marks, tell)
    found = run.manifest(outcome, time.perf_counter() - began, resumed=state == "unfinished")
    _keep(order, found, outcome, reading)
    _log.info("%s: trained in %.1f s", run.job.label, found.seconds)
    return Found(found, False)


def _check(order: TrainConfig) -> None:
    """What need not wait for the files."""
    if order.out.exists() and not order.out.is_dir():
        raise StorageError(f"{order.out} is a file: name a folder with --out")
    if order.device == "cuda":
        from personalrm.models.reward_model.backbones import device_of

        device_of(order.device)


def _people(order: TrainConfig, reading: ReadOptions) -> tuple[TrainingData, TrainingData | None]:
    data = read(order.data, order.part, reading)
    validation = None if order.validation is None else read(order.validation, order.part, reading)
    if data.marked:
        reading.warn(f"{data.name} marks targets, and they are learned from too; --split context leaves them out.")
    if validation is not None:
        check_apart(data, validation)
    return data, validation


def _job(
    order: TrainConfig, settings: Settings | RewardSettings, data: TrainingData, validation: TrainingData | None
) -> Job:
    from personalrm.models.reward_model import RewardSettings

    if isinstance(settings, RewardSettings):
        from personalrm.training import fine_tuning

        return fine_tuning.prepared(settings, data, validation)
    from personalrm.training import learned

    return learned.prepared(settings, data, validation, order.device)


def _keep(order: TrainConfig, found: Manifest, outcome: Outcome, reading: ReadOptions) -> None:
    """Picture and card, then the manifest, with which the run is finished."""
    everybody = next((one.log_loss for one in found.figures if one.name == EVERYBODY), None)
    try:
        curves.draw(order.out, f"{found.method} · {found.data.name}", outcome.across, outcome.curves, everybody)
    except MissingExtra as missing:
        reading.warn(f"The curves are not drawn: {missing}.")
    if found.kind == "learned":
        with stored(order.out):
            replace_file(order.out / "README.md", [card(found).encode()])
    else:
        from personalrm.training.fine_tuning import add_to_card

        add_to_card(order.out, found.figures)
    manifest.write(found, order.out)
    end(order.out)


def _device(order: TrainConfig) -> str:
    """What "auto" came to."""
    import torch

    if order.device == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return f"cuda ({torch.cuda.get_device_name()})"
