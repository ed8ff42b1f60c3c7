"""Every Python block of README and docs runs; a page's blocks run in order, in a folder with the examples.

The page on integrations imports large packages: tests/integrations/test_snippets.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from doc_pages import PAGES, program, run_here
from each import each
from places import ROOT

README = ROOT / "README.md"
ELSEWHERE = (README, ROOT / "docs/integrations.md")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


@pytest.mark.parametrize(
    "page", [one for one in PAGES if program(one) and one not in ELSEWHERE], ids=lambda page: page.name
)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_here(page, tmp_path, monkeypatch)


def test_the_python_of_the_readme_runs_in_a_process_of_its_own(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    environment = {**os.environ, "PERSONALRM_CACHE": str(tmp_path / "cache.sqlite"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-W", "ignore", "-c", program(README)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@each("page", PAGES)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_the_readme_is_short_and_opens_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert text.index("make demo") < text.index("make test") < text.index("```python")
