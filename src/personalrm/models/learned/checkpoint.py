"""The checkpoint of a training run: finished ensemble members, and the state of the one in training.

    checkpoints = Checkpoint(out / "checkpoint.pt", identity, resume=True)
    train(people, settings, checkpoints=checkpoints)
    checkpoints.remove()                           # the model is saved

Written after an epoch, at most once a second, atomically: `kill -9` loses about a second of training.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch

from personalrm.errors import DataError, StorageError
from personalrm.files import DISK_FULL, reason, replacing
from personalrm.profile.provenance import differing

State = dict[str, Any]
_SECONDS = 1.0


class CheckpointStore(Protocol):
    """Where training stores its state."""

    def finished(self, member: int) -> State | None:
        """A member's weights and training curve if it is finished, else None."""
        ...

    def unfinished(self, member: int) -> State | None:
        """The state of a member in training, else None."""
        ...

    def keep(self, member: int, state: Callable[[], State]) -> None:
        """Store the state of a member in training, if the last write is long enough ago."""
        ...

    def finish(self, member: int, state: State) -> None:
        """Store a finished member."""
        ...


class NullStore:
    """Stores nothing."""

    def finished(self, member: int) -> State | None:
        return None

    def unfinished(self, member: int) -> State | None:
        return None

    def keep(self, member: int, state: Callable[[], State]) -> None:
        pass

    def finish(self, member: int, state: State) -> None:
        pass


class Checkpoint:
    """A file of tensors.

    Args:
        path: the file.
        identity: data and settings of the run; a file of another run is refused.
        resume: continue from the file; else it is overwritten.

    Raises:
        DataError: the file belongs to another run, or is not a checkpoint.
    """

    def __init__(self, path: Path, identity: State, *, resume: bool) -> None:
        self._path, self._written = path, 0.0
        self._kept: State = {"identity": identity, "finished": {}, "unfinished": {}}
        if resume and path.exists():
            found = _read(path)
            if found["identity"] != identity:
                changed = differing(found["identity"], identity)
                raise DataError(
                    f"{path} is the checkpoint of another run ({', '.join(changed)} differ): give the same data and "
                    "settings, or another --out"
                )
            self._kept = found

    def finished(self, member: int) -> State | None:
        found: State | None = self._kept["finished"].get(member)
        return found

    def unfinished(self, member: int) -> State | None:
        found: State | None = self._kept["unfinished"].get(member)
        return found

    def keep(self, member: int, state: Callable[[], State]) -> None:
        if time.monotonic() - self._written >= _SECONDS:
            self._kept["unfinished"] = {member: state()}
            self._write()

    def finish(self, member: int, state: State) -> None:
        self._kept["unfinished"] = {}
        self._kept["finished"][member] = state
        self._write()

    def remove(self) -> None:
        """Delete the file: the finished model is saved elsewhere."""
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as out:
                torch.save(self._kept, out)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            said = reason(error) if isinstance(error, OSError) else DISK_FULL
            raise StorageError(f"the checkpoint {self._path} cannot be written: {said}") from None
        self._written = time.monotonic()


def _read(path: Path) -> State:
    try:
        found = torch.load(path, weights_only=True)
        if not isinstance(found, dict) or not {"identity", "finished", "unfinished"} <= found.keys():
            raise ValueError
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError):
        raise DataError(f"{path} is not a checkpoint, or it is damaged: remove it to start again") from None
    state: State = found
    return state
