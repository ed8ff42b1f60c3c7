"""The folder of a run: new, unfinished or finished.

    match state_of(out, fingerprint, resume=True):
        case "new": begin(out, fingerprint)
        case "unfinished": ...                       # resume from the checkpoint
        case "finished": ...                         # nothing to do

``run.json`` holds the fingerprint of an unfinished run; the manifest, which is written last, that of a finished one. A
run is resumed only if the fingerprints agree.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from personalrm.errors import DataError, StorageError
from personalrm.files import checked, read_object, replace_file, stored, to_json
from personalrm.models.trained import FILES, MANIFEST, kind_of
from personalrm.profile.provenance import differing
from personalrm.renamed import renamed

RUN, CHECKPOINT, CHECKPOINTS = "run.json", "checkpoint.pt", "checkpoints"
TAKEN = (*FILES.values(), MANIFEST, "model.safetensors", "config.json", "adapter", "README.md")
"""Files that a run writes: a folder with such a file from another source is not touched."""
State = Literal["new", "unfinished", "finished"]


@dataclass(frozen=True, slots=True)
class RunValue:
    """One value of a run's fingerprint: ``value`` is compared, ``said`` is shown in messages."""

    value: str
    said: str

    @classmethod
    def of(cls, value: object) -> RunValue:
        """A value that is shown as it is compared."""
        return cls(str(value), str(value))


RunFingerprint = Mapping[str, RunValue]
"""Everything that a trained model depends on, by name."""


def state_of(out: Path, fingerprint: RunFingerprint, *, resume: bool) -> State:
    """The state of the run in the folder.

    Raises:
        DataError: the folder holds another model or run, or a run without ``resume``.
        StorageError: the path is a file.
    """
    if out.exists() and not out.is_dir():
        raise StorageError(f"{out} is a file: name a folder with --out")
    recorded = _recorded(out)
    if recorded is None:
        taken = next((one for one in TAKEN if (out / one).exists()), None)
        if taken is not None:
            raise DataError(f"{out} holds a {taken} that `personalrm train` did not write: choose another --out")
        return "new"
    finished = (out / MANIFEST).exists()
    if not finished and not any(_checkpoints(out)):
        return "new"
    if not resume:
        found = "a trained model" if finished else "an unfinished run, which --resume continues"
        raise DataError(f"{out} holds {found}: choose another --out, or remove it")
    _check_same(out, recorded, fingerprint)
    if finished:
        kind_of(out)
    return "finished" if finished else "unfinished"


def begin(out: Path, fingerprint: RunFingerprint) -> None:
    """Write ``run.json``. StorageError if the folder cannot be written."""
    with stored(out):
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
        replace_file(out / RUN, to_json(as_json(fingerprint)))


def end(out: Path) -> None:
    """Remove the files that only an unfinished run needs."""
    with stored(out):
        for one in (out / RUN, out / CHECKPOINT):
            one.unlink(missing_ok=True)
        shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def as_json(fingerprint: RunFingerprint) -> dict[str, Any]:
    """The fingerprint as JSON values."""
    return {name: asdict(one) for name, one in fingerprint.items()}


def _recorded(out: Path) -> dict[str, RunValue] | None:
    """The fingerprint of the run in the folder; None if there is none."""
    manifest = out / MANIFEST
    path = manifest if manifest.exists() else out / RUN
    if not path.exists():
        return None
    try:
        found = read_object(path, "run")
        return checked(found.get("run") if path == manifest else found, dict[str, RunValue], str(path))
    except DataError:
        raise DataError(f"{path} is damaged: remove the folder, or choose another --out") from None


def _checkpoints(out: Path) -> Iterator[Path]:
    """Checkpoints and models to resume from."""
    yield from (one for one in (out / CHECKPOINT, *(out / name for name in FILES.values())) if one.exists())
    yield from (out / CHECKPOINTS).glob("checkpoint-*")


def _check_same(out: Path, recorded: RunFingerprint, fingerprint: RunFingerprint) -> None:
    values = ({name: one.value for name, one in some.items()} for some in (fingerprint, recorded))
    for name in differing(*values):
        before, now = (some[name].said if name in some else "unset" for some in (recorded, fingerprint))
        raise DataError(
            f"the run in {out} has {name} = {before}, and this one has {now}: give the same data and settings, or "
            "choose another --out"
        )


__getattr__ = renamed(__name__, {"RunMark": "RunValue", "Marks": "RunFingerprint"})
