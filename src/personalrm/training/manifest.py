"""What a run says of its model, as `manifest.json`: for programs, and for whoever wants to know where it comes from.

It holds counts, hashes and names of files and settings, never a person's id and never a text.
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
from personalrm.training.figures import Figure
from personalrm.training.outcome import Cut
from personalrm.training.people import Part, TrainingData

SCHEMA = 1
PACKAGES = ("personalrm", "numpy", "torch", "transformers", "trl", "peft")


@dataclass(frozen=True, slots=True)
class File:
    """A file of choices: its name, a fingerprint of what was read of it, and how much that was."""

    name: str
    fingerprint: str
    people: int
    choices: int
    ties: int
    skipped: int
    undecided: int

    @classmethod
    def of(cls, found: TrainingData) -> File:
        """Of a file that was read."""
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
        method: as results call it.
        sees: features and encoder, or the backbone, with what identifies them.
        settings: of the method, as used.
        part: which choices were taken.
        data, validation: the files; the second one None where some of the first one's people stopped the training.
        people, choices: learned from.
        how: who the figures are of, in words.
        figures: the model first, then everybody's reward, then the longer response, on the same choices.
        cut: what was too long.
        device: where it was computed.
        seconds: of the run that finished it; ``resumed`` says that an earlier one had begun it.
        lineage: everybody whose choices had a part.
        checksums: of the files that say what the weights are; these note the weights' own.
        run: what a run must share with this one to be the same.
    """

    schema: int
    kind: Kind
    method: str
    sees: str
    settings: Mapping[str, Any]
    seed: int
    part: Part
    data: File
    validation: File | None
    people: int
    choices: int
    how: str
    figures: tuple[Figure, ...]
    cut: Cut
    device: str
    seconds: float
    resumed: bool
    versions: Mapping[str, str]
    lineage: Lineage
    run: Mapping[str, Any]
    checksums: Mapping[str, str] = field(default_factory=dict)


def write(manifest: Manifest, out: Path) -> None:
    """Write the file whole or not at all. StorageError if it cannot be written."""
    with stored(out):
        noted = checksums(out, (*FILES.values(), PRIOR))
        replace_file(out / MANIFEST, to_json(replace(manifest, checksums=noted)))


def read(out: Path) -> Manifest:
    """What a finished run wrote. DataError if it is missing, damaged, or from a newer version."""
    return read_record(out / MANIFEST, Manifest, "manifest", SCHEMA)


def versions() -> dict[str, str]:
    """Of the packages that take part, as far as they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
