"""The Python blocks of README and docs."""

from __future__ import annotations

import gc
import re
import shutil
import sys
import warnings
from pathlib import Path

import pytest
from places import ROOT

from personalrm.models import registry

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def program(page: Path) -> str:
    """All blocks of a page, in order; empty without any."""
    return "\n\n".join(BLOCK.findall(page.read_text("utf-8")))


def run_here(page: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Run the blocks of a page in this process, as a program in a folder with the examples.

    What they change of the environment, the import path and the registry of methods is undone by ``patch``. A process
    of its own takes up to a second of imports for each page.
    """
    shutil.copytree(ROOT / "examples", folder / "examples")
    patch.chdir(folder)
    patch.setattr(sys, "path", [str(folder), *sys.path])
    patch.setenv("PERSONALRM_CACHE", str(folder / "cache.sqlite"))
    patch.setenv("HF_HUB_OFFLINE", "1")
    patch.setenv("PERSONALRM_PROFILES", "")  # restored after the test
    patch.setattr(registry, "_BY_NAME", registry._BY_NAME.copy())
    with warnings.catch_warnings(action="ignore"):
        names = {"__name__": "__main__"}
        exec(compile(program(page), page.name, "exec"), names)
        names.clear()
        gc.collect()  # clients that the page leaves open warn here and not in a later test
