"""Copy stdin and pipes to temporary files, so that they can be read several times."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

from personalrm.errors import DataError

_STDIN = "-"


def regular_file(source: str | Path) -> Path:
    """The path itself; for ``-`` and pipes the path of a temporary copy, which is deleted at exit.

    Raises:
        DataError: the pipe cannot be read, or the temporary folder is full.
    """
    name = str(source)
    try:
        if name == _STDIN:
            return Path(_copied(name, "").name)
        found = Path(name).stat()
        if stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode) or stat.S_ISCHR(found.st_mode):
            return Path(_copied(name, f"{found.st_dev}:{found.st_ino}").name)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        pass  # the error is raised when the file is opened
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}") from error
    return Path(source)


def _never_ends(pipe: IO[bytes]) -> bool:
    """Whether it is a device that is neither a terminal nor empty, such as /dev/zero."""
    mode = os.fstat(pipe.fileno()).st_mode
    return stat.S_ISCHR(mode) and not pipe.isatty() and bool(pipe.read(1))


@cache
def _copied(name: str, which: str) -> IO[bytes]:
    """A temporary copy of a pipe, open until exit. ``which`` distinguishes pipes that reuse the same name."""
    copy = tempfile.NamedTemporaryFile(prefix="personalrm-", suffix=".txt")  # noqa: SIM115
    if name == _STDIN:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    else:
        with Path(name).open("rb") as pipe:
            if _never_ends(pipe):
                raise DataError(f"{name} is a device, no file of choices")
            shutil.copyfileobj(pipe, copy)
    copy.flush()
    return copy
