"""What is trained so far, on disk: members that are finished, and the one under way.

    keeper = Checkpoint(out / "checkpoint.pt", identity, resume=True)
    train(people, settings, keeper=keeper)
    keeper.remove()                                # the model is saved

It is written after a pass, at most once a second, whole or not at all: `kill -9` costs a second.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch

from personalrm.errors import DataError, StorageError
from personalrm.files import replacing
from personalrm.profile.provenance import differing

State = dict[str, Any]
_SECONDS = 1.0


class CheckpointStore(Protocol):
    """Where training puts what it has reached."""

    def finished(self, member: int) -> State | None:
        """A member's weights and curve, if it is finished."""
        ...

    def unfinished(self, member: int) -> State | None:
        """What a member had reached, if it is under way."""
        ...

    def keep(self, member: int, state: Callable[[], State]) -> None:
        """Keep what a member under way has reached, if it is time to."""
        ...

    def finish(self, member: int, state: State) -> None:
        """Keep a finished member."""
        ...


class NullStore:
    """Keeps nothing."""

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
        identity: what the training is of; a file of another one is refused.
        resume: go on from what is there; else it is overwritten.

    Raises:
        DataError: the file is of another training, or is no checkpoint.
    """

    def __init__(self, path: Path, identity: State, *, resume: bool) -> None:
        self._path, self._written = path, 0.0
        self._kept: State = {"identity": identity, "finished": {}, "unfinished": {}}
        if resume and path.exists():
            found = _read(path)
            if found["identity"] != identity:
                changed = differing(found["identity"], identity)
                raise DataError(
                    f"{path} is of another training ({', '.join(changed)} differ): give the same data and settings, "
                    "or another --out"
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
        """The training is over and saved elsewhere."""
        self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as out:
                torch.save(self._kept, out)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            raise StorageError(f"the checkpoint {self._path} cannot be written: {error}") from None
        self._written = time.monotonic()


def _read(path: Path) -> State:
    try:
        found = torch.load(path, weights_only=True)
        if not isinstance(found, dict) or not {"identity", "finished", "unfinished"} <= found.keys():
            raise ValueError
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError):
        raise DataError(f"{path} is no checkpoint, or damaged: remove it to begin anew") from None
    state: State = found
    return state
