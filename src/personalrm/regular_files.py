"""Files that are read, and are no device or pipe, which may never end or never begin."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import IO


def content_of(path: Path, *, pipe: bool = False) -> bytes:
    """A whole file. OSError also for a device, which may never end, and for a pipe unless ``pipe``."""
    with reading(path, pipe=pipe) as file:
        return file.read()


def reading(path: Path, *, pipe: bool = False) -> IO[bytes]:
    """A file open for reading; errors as `content_of`: a pipe may have nobody at its other end."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (pipe and stat.S_ISFIFO(mode))):
        raise OSError(errno.EINVAL, "it is a pipe or a device, no file", str(path))
    return path.open("rb")
