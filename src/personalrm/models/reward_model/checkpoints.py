"""What lies in the folder of a run before it is done: its checkpoints, and what they were made of.

    started = begin(out, run, resume=True)               # the checkpoint to go on from, None at the beginning

``run.json`` names the backbone, the settings and a hash of the rows. A run is gone on with only where all of them are
the same; otherwise the message says what differs. A checkpoint that a killed process left half written is passed over.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from personalrm.errors import DataError
from personalrm.files import read_record, replace_file, to_json
from personalrm.models.reward_model.backbones import Backbone
from personalrm.models.reward_model.record import FILE, Record
from personalrm.models.reward_model.settings import RewardSettings
from personalrm.profile.provenance import differing, hash_of

FOLDER, RUN = "checkpoints", "run.json"
FREE = ("device", "data", "licence", "merge")  # settings that may change on the way: no step depends on them


@dataclass(frozen=True, slots=True)
class Run:
    """What the steps of a run depend on."""

    backbone: Backbone
    settings: RewardSettings
    rows: str

    def as_json(self) -> dict[str, Any]:
        """As it is written to ``run.json``."""
        settings = {key: value for key, value in asdict(self.settings).items() if key not in FREE}
        return {"backbone": asdict(self.backbone), "settings": settings, "rows": self.rows}

    @property
    def key(self) -> str:
        """16 hex digits that change with any of it, and not with the backbone's name or place."""
        backbone = (self.backbone.config, self.backbone.tokenizer, self.backbone.weights)
        settings = {name: value for name, value in self.as_json()["settings"].items() if name != "backbone"}
        return hash_of([backbone, settings, self.rows])


@dataclass(frozen=True, slots=True)
class _Noted:
    """A `Run` as it is written."""

    backbone: Backbone
    settings: Mapping[str, Any]
    rows: str


def begin(out: Path, run: Run, resume: bool) -> Path | None:
    """Make the folder of a new run, or find the last whole checkpoint of this one.

    Raises:
        DataError: the folder holds another run, or one that was not to be gone on with.
    """
    noted, finished = out / FOLDER / RUN, (out / FILE).exists()
    if finished and resume:
        _check_finished(Record.read(out), run, out)
        return None
    if not resume and (noted.exists() or finished):
        raise DataError(f"{out} holds a run already: go on with it (resume), or choose another folder")
    if not noted.exists():
        noted.parent.mkdir(parents=True, exist_ok=True)
        replace_file(noted, to_json(run.as_json()))
        return None
    _check_same(read_record(noted, _Noted, "run"), run, out)
    return last_whole(out / FOLDER)


def last_whole(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; its state is written last."""
    numbered = sorted(folder.glob("checkpoint-*"), key=lambda one: int(one.name.rpartition("-")[2]), reverse=True)
    for one in numbered:
        try:
            orjson.loads((one / "trainer_state.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            shutil.rmtree(one, ignore_errors=True)
        else:
            return one
    return None


def _check_finished(record: Record, run: Run, out: Path) -> None:
    """The model in the folder is what this run would make; records of version 0.1 do not tell their rows."""
    settings = {name: value for name, value in record.settings.items() if name not in FREE}
    _check_same(_Noted(record.backbone, settings, record.rows or run.rows), run, out)


def _check_same(noted: _Noted, run: Run, out: Path) -> None:
    if not noted.backbone.same_as(run.backbone):
        raise DataError(
            f"the checkpoints in {out} are of {noted.backbone.known_as}, and cannot be gone on with as "
            f"{run.backbone.known_as}"
        )
    ours = run.as_json()["settings"]
    for name in differing(ours, noted.settings):
        if name in ours and name != "backbone":
            raise DataError(f"the run in {out} has {name} = {noted.settings.get(name)}, not {ours[name]}")
    if noted.rows != run.rows:
        raise DataError(f"the run in {out} was begun with other rows: give the same data, or choose another folder")
