"""Helpers for tests of the command line: the result of a command (fixture `run`), its error message, files of rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


def sentence(done: Done) -> str:
    """The error message of a failed command; fails for a traceback or more than one line."""
    assert done.code != 0, done
    assert "Traceback" not in done.err
    ours = [line for line in done.err.splitlines() if line.startswith("personalrm: ")]
    assert len(ours) == 1, done.err
    return ours[0]


def rows(path: Path, *records: Any) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path
