"""The folder of an unfinished run: its checkpoints, and the run they belong to.

    started = begin(out, run, resume=True)               # the checkpoint to resume from, None for a new run

``run.json`` holds the backbone, the settings and a hash of the rows. A run is resumed only if all of them agree;
otherwise the message names the difference. Incomplete checkpoints of a killed process are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from safetensors import SafetensorError

from personalrm.errors import DataError, StorageError
from personalrm.files import DISK_FULL, read_record, reason, replace_file, to_json
from personalrm.models.reward_model.backbones import Backbone
from personalrm.models.reward_model.record import FILE, Record
from personalrm.models.reward_model.settings import RewardSettings
from personalrm.profile.provenance import differing, hash_of
from personalrm.renamed import renamed

FOLDER, RUN = "checkpoints", "run.json"
_TORCH_WRITER = ("inline_container", "PytorchStreamWriter", "iostream error")  # in the RuntimeErrors of torch.save
FREE = ("device", "data", "licence", "merge")  # settings that may change on resume: no training step depends on them


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that the training steps depend on."""

    backbone: Backbone
    settings: RewardSettings
    rows: str

    def as_json(self) -> dict[str, Any]:
        """The content of ``run.json``."""
        settings = {key: value for key, value in asdict(self.settings).items() if key not in FREE}
        return {"backbone": asdict(self.backbone), "settings": settings, "rows": self.rows}

    @property
    def key(self) -> str:
        """16 hex digits that change with any of it, but not with the backbone's name or path."""
        backbone = (self.backbone.config, self.backbone.tokenizer, self.backbone.weights)
        settings = {name: value for name, value in self.as_json()["settings"].items() if name != "backbone"}
        return hash_of([backbone, settings, self.rows])


@dataclass(frozen=True, slots=True)
class _SavedRun:
    """A `Run` as it is written."""

    backbone: Backbone
    settings: Mapping[str, Any]
    rows: str


def begin(out: Path, run: Run, resume: bool) -> Path | None:
    """Create the folder of a new run, or find the last complete checkpoint of this one.

    Raises:
        DataError: the folder holds another run, or a run without ``resume``.
    """
    saved, finished = out / FOLDER / RUN, (out / FILE).exists()
    if finished and resume:
        _check_finished(Record.read(out), run, out)
        return None
    if not resume and (saved.exists() or finished):
        raise DataError(f"{out} already holds a run: resume it, or choose another folder")
    if not saved.exists():
        saved.parent.mkdir(parents=True, exist_ok=True)
        replace_file(saved, to_json(run.as_json()))
        return None
    _check_same(read_record(saved, _SavedRun, "run"), run, out)
    return last_complete(out / FOLDER)


def last_complete(folder: Path) -> Path | None:
    """The newest complete checkpoint; its state file is written last."""
    numbered = sorted(folder.glob("checkpoint-*"), key=lambda one: int(one.name.rpartition("-")[2]), reverse=True)
    for one in numbered:
        try:
            orjson.loads((one / "trainer_state.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            shutil.rmtree(one, ignore_errors=True)
        else:
            return one
    return None


@contextmanager
def storage(out: Path) -> Iterator[None]:
    """StorageError for the errors of writers on a full disk: torch and safetensors have their own classes."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{out} cannot be written: {reason(error)}") from error
    except SafetensorError as error:
        raise StorageError(f"{out} cannot be written: {error}") from error
    except RuntimeError as error:
        if any(mark in str(error) for mark in _TORCH_WRITER):
            raise StorageError(f"{out} cannot be written: {DISK_FULL}") from error
        raise


def _check_finished(record: Record, run: Run, out: Path) -> None:
    """DataError if the finished model differs from this run; records of version 0.1 have no hash of their rows."""
    settings = {name: value for name, value in record.settings.items() if name not in FREE}
    _check_same(_SavedRun(record.backbone, settings, record.rows or run.rows), run, out)


def _check_same(saved: _SavedRun, run: Run, out: Path) -> None:
    if not saved.backbone.same_as(run.backbone):
        raise DataError(
            f"the checkpoints in {out} belong to {saved.backbone.known_as}, and cannot be resumed with "
            f"{run.backbone.known_as}"
        )
    ours = run.as_json()["settings"]
    for name in differing(ours, saved.settings):
        if name in ours and name != "backbone":
            raise DataError(f"the run in {out} has {name} = {saved.settings.get(name)}, not {ours[name]}")
    if saved.rows != run.rows:
        raise DataError(f"the run in {out} was started with other rows: give the same data, or choose another folder")


__getattr__ = renamed(__name__, {"last_whole": "last_complete"})
