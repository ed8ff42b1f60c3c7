"""Ctrl-C, or SIGTERM, at a moment that can be gone on from: the step under way is finished first.

    with polite_interrupt() as interrupt:
        for step in steps:
            if interrupt.asked: ...      # save, and stop

A second Ctrl-C stops at once, as anywhere; what was saved last is then what training goes on from.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Interrupt:
    """Whether somebody pressed Ctrl-C or sent SIGTERM."""

    asked: bool = False


@contextmanager
def polite_interrupt() -> Iterator[Interrupt]:
    """Note the first Ctrl-C instead of raising. Outside the main thread Python allows no handler, and none is set."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def note(signum: int, frame: FrameType | None) -> None:
        if interrupt.asked:
            raise KeyboardInterrupt
        interrupt.asked = True

    def end(signum: int, frame: FrameType | None) -> None:
        note(signum, frame)
        if callable(terminates):  # the command line notes which signal it was
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
