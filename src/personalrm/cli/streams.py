"""Standard streams that are closed or cannot be written: a full disk, a pipe whose reader has ended.

open_closed()              # at the start of the command line
tolerate_lost_notes()      # the same
discard_stdout()           # after an OSError
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def open_closed() -> None:
    """Connect closed standard streams (``<&-``) to the null device, so that no other file opened gets their number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


class _Lossy(io.FileIO):
    """A file whose unwritable bytes are lost without an error."""

    def write(self, content: ReadableBuffer, /) -> int:
        with contextlib.suppress(OSError):
            written = super().write(content)
            if written is not None:  # None: it would block
                return written
        return memoryview(content).nbytes


def tolerate_lost_notes() -> None:
    """Ignore that standard error cannot be written (a full disk, a reader that has ended): notes and logs are lost,
    while results and exit codes stay as they are. A standard error that a program has replaced is unchanged."""
    old = sys.stderr
    if old is sys.__stderr__ and isinstance(old, io.TextIOWrapper):
        with contextlib.suppress(OSError, ValueError):
            number = old.fileno()
            lossy = io.BufferedWriter(_Lossy(number, "w", closefd=False))
            sys.stderr = io.TextIOWrapper(lossy, old.encoding, old.errors, line_buffering=True, write_through=True)


def discard_stdout() -> None:
    """Discard what standard output still holds after an error: writing it at exit would fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
