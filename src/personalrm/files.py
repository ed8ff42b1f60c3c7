"""Files that are written whole or not at all, and one sentence where they cannot be written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from personalrm.errors import StorageError


def replace_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write the file; an existing one is replaced only when the new one is complete. OSError if it cannot be."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("wb") as out:
            out.writelines([content] if isinstance(content, bytes) else content)
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
