"""What tests of the command line share: how a command ended (fixture `run`), what it said, files of rows."""

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
    """The one sentence a failure says; fails if there is a traceback or more than one line of ours."""
    assert done.code != 0, done
    assert "Traceback" not in done.err
    ours = [line for line in done.err.splitlines() if line.startswith("personalrm: ")]
    assert len(ours) == 1, done.err
    return ours[0]


def rows(path: Path, *records: Any) -> Path:
    """A JSONL file."""
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path
