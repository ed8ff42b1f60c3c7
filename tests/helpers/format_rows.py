"""Rows of known formats as a test writes them, and the choices that are read from them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices
from personalrm.preferences import Preference

ASKED, SHORT, LONG, THIRD = "How do I boil an egg?", "Eight minutes.", "Great question! It is an art.", "Use a timer."
Shown = tuple[str, tuple[tuple[str, str], ...], str, str, bool]


def user(said: Any) -> dict[str, Any]:
    return {"role": "user", "content": said}


def assistant(said: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": said, **more}


def file_of(tmp_path: Path, rows: Any, kind: str = "jsonl") -> Path:
    path = tmp_path / f"a.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    elif kind == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(text.getvalue(), "utf-8")
    else:
        path.write_text(json.dumps(rows, indent=1), "utf-8")
    return path


def shown(choices: Iterable[Preference]) -> list[Shown]:
    return [
        (one.user, tuple((turn.role, turn.content) for turn in one.context), one.chosen, one.rejected, one.tie)
        for one in choices
    ]


def read(tmp_path: Path, rows: Any, kind: str = "jsonl") -> list[Preference]:
    """The choices; nothing may have been skipped, and no column with text left out."""
    problems = Problems()
    found = list(read_choices(file_of(tmp_path, rows, kind), problems=problems))
    assert (problems.skipped, list(problems.unread)) == (0, [])
    return found


def one(who: str, chosen: str, rejected: str, *turns: tuple[str, str], tie: bool = False) -> Shown:
    return who, turns or (("user", ASKED),), chosen, rejected, tie
