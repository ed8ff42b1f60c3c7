"""Ctrl-C or SIGTERM during training: the current step is finished and saved first.

    with deferred_interrupt() as interrupt:
        for step in steps:
            if interrupt.requested: ...      # save, and stop

A second Ctrl-C stops at once; training then resumes from the last checkpoint.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from personalrm.renamed import renamed


@dataclass
class Interrupt:
    """Whether Ctrl-C or SIGTERM was received."""

    requested: bool = False


@contextmanager
def deferred_interrupt() -> Iterator[Interrupt]:
    """Record the first Ctrl-C instead of raising. Handlers need the main thread; elsewhere this does nothing."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def note(signum: int, frame: FrameType | None) -> None:
        if interrupt.requested:
            raise KeyboardInterrupt
        interrupt.requested = True

    def end(signum: int, frame: FrameType | None) -> None:
        note(signum, frame)
        if callable(terminates):  # the command line's handler records which signal it was
            with contextlib.suppress(KeyboardInterrupt):
                terminates(signum, frame)

    terminates = signal.getsignal(signal.SIGTERM)
    before = signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGTERM, end)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, terminates)


__getattr__ = renamed(__name__, {"polite_interrupt": "deferred_interrupt"})
