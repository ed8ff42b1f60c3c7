"""The folder of a run: completed parts, and the inputs that each was made from.

    OUT/profiles-00000-of-00016.parquet …    one per shard, written atomically
    OUT/cluster.json                         the inputs of the run, and its totals once it is complete
    OUT/errors.jsonl                         people and files that could not be used: file, user, message
    OUT/.work/                               spilled choices (deleted when the run completes) and the record of each
    part

All machines of a cluster must have the folder at the same path.
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
    """A person of a file, or a file (``user`` is None), that could not be used, and why."""

    file: str
    user: str | None
    error: str


@dataclass(frozen=True, slots=True)
class PartRecord:
    """A completed part; ``key`` is the hash of its inputs."""

    key: str


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """An input file that was sorted into shards.

    Attributes:
        key: hash of its inputs.
        remarks: messages about skipped rows.
        refused: why the whole file cannot be used, or None.
    """

    key: str
    remarks: tuple[str, ...] = ()
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """A completed shard.

    Attributes:
        key: hash of its inputs.
        people: number of people with a profile.
        choices: number of their choices.
        spend: cost of a language model; not stored in the profiles, because it differs between runs.
        troubles: people without a profile.
    """

    key: str
    people: int
    choices: int
    spend: Spend = field(default_factory=lambda: Spend(cost=0.0))
    troubles: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class RunManifest:
    """The inputs of a run, and its totals.

    Attributes:
        inputs: content hash of each file, by position and name.
        shards: number of shards.
        provenance: model, options, prompts, seed and version; ``data`` represents ``inputs``.
        finished: totals; None before the run is complete.
    """

    inputs: Mapping[str, str]
    shards: int
    provenance: Provenance
    finished: Mapping[str, Any] | None = None
    schema: int = SCHEMA

    def changes(self, other: RunManifest) -> list[str]:
        """Names of the differences."""
        files = differing(self.inputs, other.inputs)
        found = [one for one in self.provenance.changes(other.provenance) if one != "data"]
        return [*files, *(["shards"] if self.shards != other.shards else []), *found]


class ClusterFolder:
    """Paths and records of a run.

    Args:
        root: absolute path, the same on all machines.
        shards: number of shards.
        kind: kind of its files: ``profiles`` or ``scores``.
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
        """Create the folder and its work folder."""
        with stored(self.root):
            (self.root / _WORK).mkdir(parents=True, exist_ok=True)

    def remove_spills(self) -> None:
        """Delete spilled choices and vectors, which are no longer needed."""
        work = self.root / _WORK
        for one in (*work.glob("input-*.spill"), *work.glob("texts-*"), *work.glob("vectors-*")):
            one.unlink(missing_ok=True)

    def restart(self) -> None:
        """Delete completed parts."""
        shutil.rmtree(self.root / _WORK, ignore_errors=True)
        for one in (*self.root.glob(f"{self.kind}-*-of-*.parquet"), self.root / MANIFEST, self.root / ERRORS):
            one.unlink(missing_ok=True)


def write_record(path: Path, record: object, *, private: bool = True) -> None:
    """Write a record atomically. StorageError if it cannot be written."""
    with stored(path):
        replace_file(path, to_json(record), private=private)


def read_part(path: Path, kind: type[T], key: str) -> T | None:
    """The record of a completed part; None if it is missing, damaged, or made from other inputs."""
    try:
        found = read_record(path, kind, "record")
    except DataError:
        return None
    return found if getattr(found, "key", None) == key else None


def check_folder(root: Path, wanted: RunManifest, *, force: bool) -> bool:
    """Whether the folder has a run with the same inputs that can be resumed.

    Args:
        force: discard a run with other inputs and start again.

    Raises:
        DataError: the folder has a run with other inputs. StorageError: it has other files.
    """
    path = root / MANIFEST
    if not path.exists():
        others = [one.name for one in root.iterdir() if not one.name.startswith(".")] if root.is_dir() else []
        if others:
            raise StorageError(f"{root} has other files ({', '.join(sorted(others)[:3])}): choose a new folder")
        return False
    changes = read_record(path, RunManifest, "manifest", SCHEMA).changes(wanted)
    if not changes:
        return True
    if force:
        return False
    raise DataError(
        f"{root} has a run with other inputs (changed: {', '.join(changes[:6])}): choose another folder, or start "
        "again with --force"
    )


def write_errors(path: Path, troubles: Iterable[Trouble]) -> int:
    """Write one line per person or file; returns their number."""
    import orjson

    with stored(path):
        return replace_file(
            path, (orjson.dumps(asdict(one), option=orjson.OPT_APPEND_NEWLINE) for one in troubles), private=True
        )
