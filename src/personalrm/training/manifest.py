"""The manifest of a trained model, `manifest.json`: provenance and metrics for programs and readers.

It holds counts, hashes and names of files and settings, never a person's id or text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from personalrm.files import checked, read_object, replace_file, stored, to_json
from personalrm.models.checksums import checksums
from personalrm.models.trained import FILES, MANIFEST, PRIOR, Kind
from personalrm.profile.provenance import Lineage
from personalrm.renamed import RenamedAttribute, renamed
from personalrm.training.evaluation import POPULATION, PredictorMetrics
from personalrm.training.outcome import TruncationCount
from personalrm.training.people import Part, TrainingData

SCHEMA = 2
_RENAMED = {
    "sees": "features", "part": "split", "how": "evaluated_on", "figures": "metrics", "cut": "truncated",
}  # fmt: skip
"""Fields of schema 1 → of schema 2, which also calls the baseline "everybody" "population"."""
PACKAGES = ("personalrm", "numpy", "torch", "transformers", "trl", "peft")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of choices: its name, a fingerprint of the data read from it, and counts."""

    name: str
    fingerprint: str
    people: int
    choices: int
    ties: int
    skipped: int
    undecided: int

    @classmethod
    def of(cls, found: TrainingData) -> DataFile:
        """The record of a file that was read."""
        return cls(
            found.name,
            found.fingerprint,
            len(found.people),
            found.choices,
            found.ties,
            found.skipped,
            found.undecided,
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """See the module's docstring.

    Attributes:
        method: its name in results.
        features: features and encoder, or the backbone, with their identity.
        settings: of the method, as used.
        split: which choices were used.
        data, validation: the files; the second is None where some of the first one's people were held out.
        people, choices: training people and their choices.
        evaluated_on: the people behind ``metrics``, in words.
        metrics: metrics of the model, then of the population-level reward and the longer response, on the same choices.
        truncated: truncated texts.
        device: where it was computed.
        seconds: of the run that finished it; ``resumed`` if an earlier run had started it.
        lineage: salted hashes of all people used in training, early stopping or calibration.
        checksums: of the files that name the weights; these hold the checksums of the weights.
        run: the run's fingerprint.
    """

    schema: int
    kind: Kind
    method: str
    features: str
    settings: Mapping[str, Any]
    seed: int
    split: Part
    data: DataFile
    validation: DataFile | None
    people: int
    choices: int
    evaluated_on: str
    metrics: tuple[PredictorMetrics, ...]
    truncated: TruncationCount
    device: str
    seconds: float
    resumed: bool
    versions: Mapping[str, str]
    lineage: Lineage
    run: Mapping[str, Any]
    checksums: Mapping[str, str] = field(default_factory=dict)

    sees = RenamedAttribute("features")
    part = RenamedAttribute("split")
    how = RenamedAttribute("evaluated_on")
    figures = RenamedAttribute("metrics")
    cut = RenamedAttribute("truncated")


def write(manifest: Manifest, out: Path) -> None:
    """Write the file atomically. StorageError if it cannot be written."""
    with stored(out):
        noted = checksums(out, (*FILES.values(), PRIOR))
        replace_file(out / MANIFEST, to_json(replace(manifest, checksums=noted)))


def read(out: Path) -> Manifest:
    """The manifest of a finished run. DataError if it is missing, damaged, or from a newer version."""
    path = out / MANIFEST
    return checked(migrated(read_object(path, "manifest", SCHEMA)), Manifest, f"the manifest {path}")


def migrated(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a manifest of any version in the current schema; unknown values are left for validation."""
    found = {_RENAMED.get(name, name) if record["schema"] == 1 else name: value for name, value in record.items()}
    if record["schema"] == 1 and isinstance(found.get("metrics"), list):
        found["metrics"] = [_of_population(one) for one in found["metrics"]]
    return {**found, "schema": SCHEMA}


def _of_population(one: Any) -> Any:
    is_baseline = isinstance(one, dict) and one.get("name") == "everybody"
    return {**one, "name": POPULATION} if is_baseline else one


def versions() -> dict[str, str]:
    """Versions of the packages involved, where installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


__getattr__ = renamed(__name__, {"File": "DataFile"})
