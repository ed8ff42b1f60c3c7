"""The log: one JSON object a line on standard error, without texts, names of people or keys.

A request is logged with its route's template (``/v1/people/{user}/compare``), so that no name stands in it. Of an
unexpected error the type and the place in the code are logged, not the message, which may hold a text.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import orjson

_lock = threading.Lock()


class ServiceLog:
    """Writes lines; ``off`` writes none."""

    def __init__(self, kind: str = "json") -> None:
        self._is_on = kind != "off"

    def write(self, event: str, **values: Any) -> None:
        """One line."""
        if self._is_on:
            line = orjson.dumps({"time": round(time.time(), 3), "event": event, **values})
            with _lock:
                sys.stderr.buffer.write(line + b"\n")
                sys.stderr.buffer.flush()

    def failure(self, event: str, error: BaseException, **values: Any) -> None:
        """An unexpected error: its type and the last places in the code."""
        places = [
            f"{Path(one.filename).name}:{one.lineno} {one.name}"
            for one in traceback.extract_tb(error.__traceback__)[-4:]
        ]
        self.write(event, level="error", error=type(error).__name__, at=places, **values)
