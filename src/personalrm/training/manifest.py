"""The manifest of a trained model, `manifest.json`: provenance and metrics for programs and readers.

It holds counts, hashes and names of files and settings, never a person's id or text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from personalrm.files import read_record, replace_file, stored, to_json
from personalrm.models.checksums import checksums
from personalrm.models.trained import FILES, MANIFEST, PRIOR, Kind
from personalrm.profile.provenance import Lineage
from personalrm.renamed import renamed
from personalrm.training.evaluation import PredictorMetrics
from personalrm.training.outcome import TruncationCount
from personalrm.training.people import Part, TrainingData

SCHEMA = 1
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
        sees: features and encoder, or the backbone, with their identity.
        settings: of the method, as used.
        part: which choices were used.
        data, validation: the files; the second is None where some of the first one's people were held out.
        people, choices: training people and their choices.
        how: the people behind ``figures``, in words.
        figures: metrics of the model, then of the population-level reward and the longer response, on the same choices.
        cut: truncated texts.
        device: where it was computed.
        seconds: of the run that finished it; ``resumed`` if an earlier run had started it.
        lineage: salted hashes of all people used in training, early stopping or calibration.
        checksums: of the files that name the weights; these hold the checksums of the weights.
        run: the run's fingerprint.
    """

    schema: int
    kind: Kind
    method: str
    sees: str
    settings: Mapping[str, Any]
    seed: int
    part: Part
    data: DataFile
    validation: DataFile | None
    people: int
    choices: int
    how: str
    figures: tuple[PredictorMetrics, ...]
    cut: TruncationCount
    device: str
    seconds: float
    resumed: bool
    versions: Mapping[str, str]
    lineage: Lineage
    run: Mapping[str, Any]
    checksums: Mapping[str, str] = field(default_factory=dict)


def write(manifest: Manifest, out: Path) -> None:
    """Write the file atomically. StorageError if it cannot be written."""
    with stored(out):
        noted = checksums(out, (*FILES.values(), PRIOR))
        replace_file(out / MANIFEST, to_json(replace(manifest, checksums=noted)))


def read(out: Path) -> Manifest:
    """The manifest of a finished run. DataError if it is missing, damaged, or from a newer version."""
    return read_record(out / MANIFEST, Manifest, "manifest", SCHEMA)


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
