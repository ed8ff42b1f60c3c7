"""The threat model names tests that exist, and all commands that put several people's words into one prompt."""

from __future__ import annotations

import re

from places import ROOT

from personalrm.bench.studies.command import MIXING as STUDIES
from personalrm.optimizing.optimize import MIXING as OPTIMIZERS

PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")


def test_every_promise_names_a_test_that_exists() -> None:
    rows = [line for line in PAGE.split("## ")[0].splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 12
    for row in rows:
        named = re.findall(r"`(tests/[\w/.]+)`", row)
        assert named, row
        assert [one for one in named if not (ROOT / one).is_file()] == []


def test_every_command_that_mixes_people_is_listed() -> None:
    listed = PAGE.split("## Several people")[1]
    for name in STUDIES:
        assert f"`personalrm study {name}`" in listed
    for name in OPTIMIZERS:
        assert f"--optimizer {name}`" in listed
