"""The folder of a run: what is finished, and what each finished part was made from.

    OUT/profiles-00000-of-00016.parquet …    one a shard, appears whole
    OUT/cluster.json                         what the run was made from, and its totals once it is finished
    OUT/errors.jsonl                         people and files that could not be used: file, user, sentence
    OUT/.work/                               spilled choices (gone once the run is finished) and the record of each part

All machines of a cluster must see the folder under the same path.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from personalrm.errors import DataError, StorageError
from personalrm.files import read_record, replace_file, stored, to_json
from personalrm.profile.provenance import Provenance, differing
from personalrm.profile.spend import Spend
from personalrm.profile.table import PROFILES, file_name

SCHEMA = 1
MANIFEST, ERRORS = "cluster.json", "errors.jsonl"
_WORK = ".work"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be used, and why: a person of a file, or a file (``user`` is None)."""

    file: str
    user: str | None
    error: str


@dataclass(frozen=True, slots=True)
class PartRecord:
    """A part that is finished; ``key`` is of what it was made from."""

    key: str


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """An input file that is sorted into shards.

    Attributes:
        key: of what it was made from.
        remarks: what was skipped, a sentence each.
        refused: why nothing of the file can be used; None if something can.
    """

    key: str
    remarks: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """A shard that is finished.

    Attributes:
        key: of what it was made from.
        people: with a profile.
        choices: of these people.
        spend: of asking a model; profiles in tables hold none of it, because it differs from run to run.
        troubles: people without a profile.
    """

    key: str
    people: int
    choices: int
    spend: Spend = field(default_factory=lambda: Spend(cost=0.0))
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class RunManifest:
    """What a run was made from, and its totals.

    Attributes:
        inputs: content hash of each file, by its place and name.
        shards: how many.
        provenance: model, options, prompts, seed and version; ``data`` stands for ``inputs``.
        finished: totals; None before the run is finished.
    """

    inputs: Mapping[str, str]
    shards: int
    provenance: Provenance
    finished: Mapping[str, Any] | None = None
    schema: int = SCHEMA

    def changes(self, other: RunManifest) -> list[str]:
        """What differs, by name."""
        files = differing(self.inputs, other.inputs)
        found = [one for one in self.provenance.changes(other.provenance) if one != "data"]
        return [*files, *(["shards"] if self.shards != other.shards else []), *found]


class ClusterFolder:
    """Paths and records.

    Args:
        root: absolute, the same on all machines.
        shards: how many.
        kind: of its files: ``profiles`` or ``scores``.
    """

    def __init__(self, root: Path, shards: int, kind: str = PROFILES) -> None:
        self.root, self.shards, self.kind = root, shards, kind

    def output(self, shard: int) -> Path:
        return self.root / file_name(shard, self.shards, self.kind)

    def spill(self, number: int) -> Path:
        return self.root / _WORK / f"input-{number:06d}.spill"

    def split_record(self, number: int) -> Path:
        return self.root / _WORK / f"input-{number:06d}.json"

    def shard_record(self, shard: int) -> Path:
        return self.root / _WORK / f"shard-{shard:05d}.json"

    def texts(self, number: int) -> Path:
        return self.root / _WORK / f"texts-{number:05d}.spill"

    def vectors(self, bucket: int) -> Path:
        return self.root / _WORK / f"vectors-{bucket:05d}.bin"

    def make(self) -> None:
        """Make the folder and its inner one."""
        with stored(self.root):
            (self.root / _WORK).mkdir(parents=True, exist_ok=True)

    def remove_spills(self) -> None:
        """The choices are in the profiles now, and the vectors are not needed any more."""
        work = self.root / _WORK
        for one in (*work.glob("input-*.spill"), *work.glob("texts-*"), *work.glob("vectors-*")):
            one.unlink(missing_ok=True)

    def begin_anew(self) -> None:
        """Forget what is finished."""
        shutil.rmtree(self.root / _WORK, ignore_errors=True)
        for one in (*self.root.glob(f"{self.kind}-*-of-*.parquet"), self.root / MANIFEST, self.root / ERRORS):
            one.unlink(missing_ok=True)


def write_record(path: Path, record: object, *, private: bool = True) -> None:
    """Whole or not at all. StorageError if it cannot be written."""
    with stored(path):
        replace_file(path, to_json(record), private=private)


def read_part(path: Path, kind: type[T], key: str) -> T | None:
    """The record of a finished part; None if there is none, it is damaged, or it was made from something else."""
    try:
        found = read_record(path, kind, "record")
    except DataError:
        return None
    return found if getattr(found, "key", None) == key else None


def check_folder(root: Path, wanted: RunManifest, *, force: bool) -> bool:
    """Whether a run of the same kind has begun there, to be gone on with.

    Args:
        force: begin anew what was made from something else.

    Raises:
        DataError: the folder holds a run that was made from something else. StorageError: it holds other files.
    """
    path = root / MANIFEST
    if not path.exists():
        others = [one.name for one in root.iterdir() if not one.name.startswith(".")] if root.is_dir() else []
        if others:
            raise StorageError(
                f"{root} holds files of something else ({', '.join(sorted(others)[:3])}): name a new folder"
            )
        return False
    changes = read_record(path, RunManifest, "manifest", SCHEMA).changes(wanted)
    if not changes:
        return True
    if force:
        return False
    raise DataError(
        f"{root} holds a run that was made from something else (changed: {', '.join(changes[:6])}): name another "
        "folder, or begin anew with --force"
    )


def write_errors(path: Path, troubles: Iterable[Trouble]) -> int:
    """A line each; gives their number."""
    import orjson

    with stored(path):
        return replace_file(
            path, (orjson.dumps(asdict(one), option=orjson.OPT_APPEND_NEWLINE) for one in troubles), private=True
        )
