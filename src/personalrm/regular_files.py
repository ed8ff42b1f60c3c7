"""Reading of regular files; devices and pipes, which may never end or never begin, are rejected."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import IO


def content_of(path: Path, *, pipe: bool = False) -> bytes:
    """Content of a file. Raises OSError also for a device, and for a pipe unless ``pipe`` is true."""
    with reading(path, pipe=pipe) as file:
        return file.read()


def reading(path: Path, *, pipe: bool = False) -> IO[bytes]:
    """A file opened for reading; errors as `content_of`."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (pipe and stat.S_ISFIFO(mode))):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file", str(path))
    return path.open("rb")
