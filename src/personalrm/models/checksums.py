"""Whether the files of a model are what was written: a flipped bit in a weight predicts something, and nobody sees it.

    checksums(folder, ["model.safetensors"])         # {"model.safetensors": "9f86d081…"}
    check_files(folder, record.checksums)            # DataError names the file that is another one
    check_finite(model.named_parameters(), folder)   # DataError names the weight that is NaN or infinite

Folders of version 0.1 hold no checksums; they are still read.
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
"""What people may edit, and what changes after the weights are written."""
LARGEST = 1e9
"""Of a weight; what is trained is below 1e3."""
_BLOCK = 1 << 20


def checksum(content: bytes) -> str:
    """32 hex digits of the content."""
    return blake2b(content, digest_size=16).hexdigest()


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Of whole files in the folder, by name; those that are not there are left out. OSError if one cannot be read."""
    return {name: _of_file(folder / name) for name in sorted(names) if (folder / name).is_file()}


def check_files(folder: Path, known: Mapping[str, str]) -> None:
    """DataError if a file is missing or has another content than when the model was written."""
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
    """DataError if a weight is NaN, infinite or so large that computing with it would be."""
    for name, weight in weights:
        if weight.is_floating_point() and not bool((weight.abs() <= LARGEST).all()):
            raise DataError(f"{folder} holds a damaged model: '{name}' has a value that is NaN or infinite, or nearly")


def _of_file(path: Path) -> str:
    state = blake2b(digest_size=16)
    with reading(path) as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()
