"""SIGTERM and SIGHUP end a run like Ctrl-C: with a message, after requests in flight, and with the signal's exit code.

catch()                     # at the start of the command line
exit_code()                 # 130 after Ctrl-C, 143 after SIGTERM
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

GRACE_S = 8.0
"""Seconds for requests in flight after a signal: process managers (docker) send SIGKILL after ten seconds or more."""
_SIGNALS = tuple(found for name in ("SIGTERM", "SIGHUP") if (found := getattr(signal, name, None)) is not None)
_received: list[int] = []


class Terminated(KeyboardInterrupt):
    """Raised when a signal asks the program to end; handled like Ctrl-C."""


def catch() -> None:
    """Handle the signals until the program ends; those that the parent ignores (nohup) stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        return
    _received.clear()
    for one in _SIGNALS:
        if signal.getsignal(one) is signal.SIG_DFL:
            signal.signal(one, _end)


def exit_code() -> int:
    """128 plus the number of the signal that ended the run; Ctrl-C is SIGINT."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def interrupts(error: BaseException) -> bool:
    """Whether a signal caused an error: a signal during an import ends it with a KeyError from Python itself."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        if isinstance(found, KeyboardInterrupt):
            return True
        seen.add(id(found))
        found = found.__cause__ or found.__context__
    return False


def _end(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    from personalrm.llm import background_loop  # already imported if any request is in flight

    background_loop.exit_within(GRACE_S)
    raise Terminated
