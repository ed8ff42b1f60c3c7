"""Files that are whole or not there, and one sentence where they cannot be written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from personalrm.errors import StorageError


def replace_file(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file whole or not at all, so that a full disk leaves the earlier one as it was."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as out:
            out.writelines(parts)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def stored(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write at `path` into a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
