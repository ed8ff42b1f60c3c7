"""The Python blocks of docs/integrations.md run, in order and in a folder with the examples."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_pages import run_here
from places import ROOT


def test_the_python_of_the_page_on_integrations_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("trl", "inspect_ai"):
        pytest.importorskip(package)
    run_here(ROOT / "docs/integrations.md", tmp_path, monkeypatch)
