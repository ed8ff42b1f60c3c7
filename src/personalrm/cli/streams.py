"""Standard streams that are closed or cannot be written: a full disk, a pipe whose reader has ended.

open_closed()              # at the start of the command line
discard_stdout()           # after an OSError
"""

from __future__ import annotations

import contextlib
import os
import sys


def open_closed() -> None:
    """Connect closed standard streams (``<&-``) to the null device, so that no other file opened gets their number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def discard_stdout() -> None:
    """Discard what standard output still holds after an error: writing it at exit would fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
