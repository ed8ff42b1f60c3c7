"""The folder of a run: begun, to be gone on with, or finished.

    match state_of(out, marks, resume=True):
        case "new": begin(out, marks)
        case "unfinished": ...                       # what was trained is there
        case "finished": ...                         # nothing is left to do

``run.json`` says what an unfinished run is of; the manifest, which is written last, says it of a finished one. A run is
gone on with only where all of it is the same.
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

RUN, CHECKPOINT, CHECKPOINTS = "run.json", "checkpoint.pt", "checkpoints"
TAKEN = (*FILES.values(), MANIFEST, "model.safetensors", "config.json", "adapter", "README.md")
"""What a run writes: a folder that holds such a file of somebody else's is left alone."""
State = Literal["new", "unfinished", "finished"]


@dataclass(frozen=True, slots=True)
class RunMark:
    """Something that a model hangs on: what is compared, and what is said of it where that is more telling."""

    value: str
    said: str

    @classmethod
    def of(cls, value: object) -> RunMark:
        """Compared as it is said."""
        return cls(str(value), str(value))


Marks = Mapping[str, RunMark]


def state_of(out: Path, marks: Marks, *, resume: bool) -> State:
    """Where the run in the folder stands.

    Raises:
        DataError: the folder holds another model, or a run that was not to be gone on with.
        StorageError: there is a file of that name.
    """
    if out.exists() and not out.is_dir():
        raise StorageError(f"{out} is a file: name a folder with --out")
    noted = _noted(out)
    if noted is None:
        taken = next((one for one in TAKEN if (out / one).exists()), None)
        if taken is not None:
            raise DataError(f"{out} holds a {taken} that no run of train left there: choose another --out")
        return "new"
    finished = (out / MANIFEST).exists()
    if not finished and not any(_reached(out)):
        return "new"
    if not resume:
        found = "a trained model" if finished else "an unfinished run, which --resume goes on with"
        raise DataError(f"{out} holds {found}: choose another --out, or remove it")
    _check_same(out, noted, marks)
    if finished:
        kind_of(out)
    return "finished" if finished else "unfinished"


def begin(out: Path, marks: Marks) -> None:
    """Note what the run is of. StorageError if the folder cannot be written."""
    with stored(out):
        out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
        replace_file(out / RUN, to_json(as_json(marks)))


def end(out: Path) -> None:
    """Remove what only an unfinished run needs."""
    with stored(out):
        for one in (out / RUN, out / CHECKPOINT):
            one.unlink(missing_ok=True)
        shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)


def as_json(marks: Marks) -> dict[str, Any]:
    """Marks as JSON values."""
    return {name: asdict(one) for name, one in marks.items()}


def _noted(out: Path) -> dict[str, RunMark] | None:
    """What the run in the folder is of; None if there is none."""
    manifest = out / MANIFEST
    path = manifest if manifest.exists() else out / RUN
    if not path.exists():
        return None
    try:
        found = read_object(path, "run")
        return checked(found.get("run") if path == manifest else found, dict[str, RunMark], str(path))
    except DataError:
        raise DataError(f"{path} is damaged: remove the folder, or choose another --out") from None


def _reached(out: Path) -> Iterator[Path]:
    """Whatever is worth going on from."""
    yield from (one for one in (out / CHECKPOINT, *(out / name for name in FILES.values())) if one.exists())
    yield from (out / CHECKPOINTS).glob("checkpoint-*")


def _check_same(out: Path, noted: Marks, marks: Marks) -> None:
    values = ({name: one.value for name, one in some.items()} for some in (marks, noted))
    for name in differing(*values):
        before, now = (some[name].said if name in some else "unset" for some in (noted, marks))
        raise DataError(
            f"the run in {out} has {name} = {before}, and this one has {now}: give the same data and settings, or "
            "choose another --out"
        )
