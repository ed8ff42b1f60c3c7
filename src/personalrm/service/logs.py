"""The log: one JSON object per line on standard error, without texts, names of people or keys.

A request is logged with its route's template (``/v1/people/{user}/compare``), which contains no name. For an
unexpected error, its type and location in the code are logged; its message is not, because it may contain a text.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import orjson

GATHER_S = 0.05
_lock = threading.Lock()


def _line(event: str, values: dict[str, Any]) -> bytes:
    return orjson.dumps({"time": round(time.time(), 3), "event": event, **values}) + b"\n"


class ServiceLog:
    """Writes log lines; the kind ``off`` writes none."""

    def __init__(self, kind: str = "json") -> None:
        self._is_on = kind != "off"
        self._gathered: list[bytes] = []

    def write(self, event: str, **values: Any) -> None:
        """Write one line immediately."""
        if self._is_on:
            self._keep(_line(event, values))
            self.flush()

    def gather(self, event: str, **values: Any) -> None:
        """Buffer one line for up to 0.05 s: one system call per line would cost a tenth of a prediction.

        Must be called from an event loop.
        """
        if self._is_on:
            if not self._gathered:
                asyncio.get_running_loop().call_later(GATHER_S, self.flush)
            self._keep(_line(event, values))

    def flush(self) -> None:
        """Write the buffered lines; on a full disk they are lost. Thread-safe, like `write`."""
        with _lock, contextlib.suppress(OSError):
            lines, self._gathered = self._gathered, []
            if lines:
                sys.stderr.buffer.write(b"".join(lines))
                sys.stderr.buffer.flush()

    def _keep(self, line: bytes) -> None:
        with _lock:
            self._gathered.append(line)

    def failure(self, event: str, error: BaseException, **values: Any) -> None:
        """Log an unexpected error: its type and the last stack frames."""
        places = [
            f"{Path(one.filename).name}:{one.lineno} {one.name}"
            for one in traceback.extract_tb(error.__traceback__)[-4:]
        ]
        self.write(event, level="error", error=type(error).__name__, at=places, **values)


class _AsLines(logging.Handler):
    """Records of another package as lines of our log, without what they were raised for."""

    def __init__(self, log: ServiceLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self._log.write("server", level=record.levelname.lower(), detail=str(record.msg))


def take_over(name: str, log: ServiceLog) -> None:
    """Write warnings and errors of another package's logger as lines of our log."""
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate = [_AsLines(log)], False
