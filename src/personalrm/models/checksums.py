"""Detects changed files of a model: with a flipped bit in a weight, predictions would be wrong without an error.

    checksums(folder, ["model.safetensors"])         # {"model.safetensors": "9f86d081…"}
    check_files(folder, record.checksums)            # DataError names a file that has changed
    check_finite(model.named_parameters(), folder)   # DataError names the weight that is NaN or infinite

Folders of version 0.1 have no checksums; they are still accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from personalrm.errors import DataError
from personalrm.regular_files import reading

if TYPE_CHECKING:
    import torch

UNCHECKED = {"README.md", "manifest.json", "run.json"}
"""Files that people may edit, or that change after the weights are written."""
LARGEST = 1e9
"""Maximum magnitude of a weight; trained weights are below 1e3."""
_BLOCK = 1 << 20


def checksum(content: bytes) -> str:
    """Checksum of the content: 32 hex digits."""
    return blake2b(content, digest_size=16).hexdigest()


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Checksums of files in the folder, by name; missing files are omitted. OSError if one cannot be read."""
    return {name: _of_file(folder / name) for name in sorted(names) if (folder / name).is_file()}


def check_files(folder: Path, known: Mapping[str, str]) -> None:
    """DataError if a file is missing or has changed since the model was written."""
    for name, expected in known.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"{folder} holds a damaged model: it names a file outside of the folder")
        try:
            found = _of_file(folder / name)
        except OSError as error:
            raise DataError(
                f"{folder} holds a damaged model: {name} cannot be read: {error.strerror or error}"
            ) from None
        if found != expected:
            raise DataError(
                f"{folder} holds a damaged model: {name} has another checksum than when it was written; copy the "
                "folder again, or train it again"
            )


def check_finite(weights: Iterable[tuple[str, torch.Tensor]], folder: Path) -> None:
    """DataError if a weight is NaN, infinite or implausibly large."""
    for name, weight in weights:
        if weight.is_floating_point() and not bool((weight.abs() <= LARGEST).all()):
            raise DataError(f"{folder} holds a damaged model: '{name}' has a value that is NaN or infinite, or nearly")


def _of_file(path: Path) -> str:
    state = blake2b(digest_size=16)
    with reading(path) as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()
