"""Files that are written whole or not at all, and one sentence where they cannot be written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from personalrm.errors import StorageError


def replace_file(path: Path, content: bytes | Iterable[bytes], *, private: bool = False) -> None:
    """Write the file; an existing one is replaced only when the new one is complete. OSError if it cannot be.

    ``private`` files are readable by their owner alone (0600).
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with open(unfinished, "wb", opener=_private if private else None) as out:
            out.writelines([content] if isinstance(content, bytes) else content)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _private(path: str, flags: int) -> int:
    """Opens with 0600, whatever the umask and an earlier file at this place say."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


@contextlib.contextmanager
def stored(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write at `path` into a StorageError."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
