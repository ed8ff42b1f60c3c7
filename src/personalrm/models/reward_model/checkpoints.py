"""What lies in the folder of a run before it is done: its checkpoints, and what they were made of.

    started = begin(out, run, resume=True)               # the checkpoint to go on from, None at the beginning

``run.json`` names the backbone, the settings and a hash of the rows. A run is gone on with only where all of them are
the same; otherwise the message says what differs. A checkpoint that a killed process left half written is passed over.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from personalrm.errors import DataError
from personalrm.files import replace_file
from personalrm.models.reward_model.backbones import Backbone
from personalrm.models.reward_model.record import FILE
from personalrm.models.reward_model.rows import Row
from personalrm.models.reward_model.settings import RewardSettings

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


def hash_of(rows: Iterable[Row]) -> str:
    """Of everything in the rows, in their order."""
    digest = blake2b(digest_size=16)
    for row in rows:
        digest.update(orjson.dumps(asdict(row), default=str))
    return digest.hexdigest()


def begin(out: Path, run: Run, resume: bool) -> Path | None:
    """Make the folder of a new run, or find the last whole checkpoint of this one.

    Raises:
        DataError: the folder holds another run, or one that was not to be gone on with.
    """
    noted = out / FOLDER / RUN
    if not resume and (noted.exists() or (out / FILE).exists()):
        raise DataError(f"{out} holds a run already: go on with it (resume), or choose another folder")
    if not noted.exists():
        noted.parent.mkdir(parents=True, exist_ok=True)
        replace_file(noted, orjson.dumps(run.as_json(), option=orjson.OPT_INDENT_2))
        return None
    _check_same(orjson.loads(noted.read_bytes()), run, out)
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


def _check_same(noted: dict[str, Any], run: Run, out: Path) -> None:
    theirs = Backbone(**noted["backbone"])
    if not theirs.same_as(run.backbone):
        raise DataError(
            f"the checkpoints in {out} are of {theirs.known_as}, and cannot be gone on with as {run.backbone.known_as}"
        )
    ours = orjson.loads(orjson.dumps(run.as_json()))
    for name, value in ours["settings"].items():
        if name != "backbone" and noted["settings"].get(name) != value:
            raise DataError(f"the run in {out} has {name} = {noted['settings'].get(name)}, not {value}")
    if noted["rows"] != ours["rows"]:
        raise DataError(f"the run in {out} was begun with other rows")
