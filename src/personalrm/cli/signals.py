"""SIGTERM and SIGHUP end a run as Ctrl-C does: with a sentence, what is on the wire finished, and the signal's code.

catch()                     # at the start of the command line
exit_code()                 # 130 after Ctrl-C, 143 after SIGTERM
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

GRACE_S = 8.0
"""How long requests on the wire may take after a signal: whoever sends one kills after ten seconds (docker) or more."""
_SIGNALS = tuple(found for name in ("SIGTERM", "SIGHUP") if (found := getattr(signal, name, None)) is not None)
_received: list[int] = []


class Terminated(KeyboardInterrupt):
    """A signal asked the program to end; everything that handles Ctrl-C handles it."""


def catch() -> None:
    """Take the signals over until the program ends; those that the caller ignores (nohup) stay ignored."""
    if threading.current_thread() is not threading.main_thread():
        return
    _received.clear()
    for one in _SIGNALS:
        if signal.getsignal(one) is signal.SIG_DFL:
            signal.signal(one, _end)


def exit_code() -> int:
    """128 and the number of the signal that ended the run; Ctrl-C is SIGINT."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def interrupts(error: BaseException) -> bool:
    """Whether a signal is behind an error: one that comes during an import ends it with a KeyError of Python's own."""
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
    from personalrm.llm import background_loop  # loaded long ago where anything is on the wire

    background_loop.exit_within(GRACE_S)
    raise Terminated
