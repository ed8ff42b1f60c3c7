"""The library's log on standard error: warnings by default, more with PERSONALRM_LOG.

PERSONALRM_LOG=info personalrm bench …        # debug, info, warning (the default), error
"""

from __future__ import annotations

import logging
import os

from personalrm.cli import output
from personalrm.errors import DataError

LEVELS = ("debug", "info", "warning", "error")


class _Remarks(logging.Handler):
    """Each record is one line."""

    def emit(self, record: logging.LogRecord) -> None:
        output.remark(self.format(record))


_handler = _Remarks()


def show() -> None:
    """Show the package's log until the program ends. DataError if PERSONALRM_LOG is not a level."""
    level = os.environ.get("PERSONALRM_LOG", "").lower() or "warning"
    if level not in LEVELS:
        raise DataError(f"PERSONALRM_LOG: expected {', '.join(LEVELS)}, found {level!r}")
    package = logging.getLogger("personalrm")
    package.setLevel(level.upper())
    package.addHandler(_handler)  # idempotent
