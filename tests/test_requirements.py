"""The plugin `requirements`: what cannot run here is skipped with a reason, and CI notices what should have run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from facts import tells
from places import HELPERS

TESTS = """
import pytest

def test_one(real_data):
    assert real_data.is_dir()

@pytest.mark.real_people
def test_other():
    pass

def test_nobody():
    pass
"""
SKIPPING = "def test_one(real_data):\n    import pytest\n    pytest.skip('some other reason')\n"


def pytest_on(folder: Path, text: str, data: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """These tests, in a process of their own, with real people's data at ``data``."""
    (folder / "conftest.py").write_text("pytest_plugins = ('requirements',)\n")
    (folder / "test_some.py").write_text(text)
    needed = ("-p", "xdist.plugin") if "-n" in more else ()  # loading the others takes five times as long as the tests
    plugins = ("-p", "no:cacheprovider", *needed)
    command = [sys.executable, "-m", "pytest", "-rs", "--strict-markers", *plugins, *more, str(folder)]
    alone = os.environ | {"PYTHONPATH": str(HELPERS), "PERSONALRM_REAL_DATA": str(data)}
    alone["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=alone)


@pytest.mark.parametrize("required", [(), ("--require-real-people",)])
def test_without_the_data_they_are_skipped_with_one_reason(tmp_path: Path, required: tuple[str, ...]) -> None:
    done = pytest_on(tmp_path, TESTS, tmp_path / "nowhere", *required)
    assert done.returncode == 0
    assert "1 passed, 2 skipped" in done.stdout
    reasons = {line.split(": ", 1)[1] for line in done.stdout.splitlines() if line.startswith("SKIPPED")}
    assert len(reasons) == 1
    assert "PERSONALRM_REAL_DATA" in reasons.pop()


@pytest.mark.parametrize("processes", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)])
def test_where_the_data_is_they_run(tmp_path: Path, processes: tuple[str, ...]) -> None:
    done = pytest_on(tmp_path, TESTS, tmp_path, "--require-real-people", *processes)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
    assert "2 tests ran, 0 were skipped" in done.stdout


@pytest.mark.parametrize(
    ("text", "left", "processes"),
    [
        pytest.param(SKIPPING, "test_some.py::test_one", (), marks=pytest.mark.slow),
        (SKIPPING, "test_some.py::test_one", ("-n", "1")),
        ("def test_nobody():\n    pass\n", "none was collected", ()),
    ],
)
def test_where_the_data_is_it_fails_if_they_do_not_run(
    tmp_path: Path, text: str, left: str, processes: tuple[str, ...]
) -> None:
    assert pytest_on(tmp_path, text, tmp_path, *processes).returncode == 0
    done = pytest_on(tmp_path, text, tmp_path, "--require-real-people", *processes)
    assert done.returncode == 1
    assert f"{tmp_path} is: {left}" in done.stdout


def test_a_skip_for_want_of_a_program_fails_where_programs_are_required(tmp_path: Path) -> None:
    text = "import pytest\n\ndef test_one():\n    pytest.skip('needs it (Debian: apt-get install it)')\n"
    assert pytest_on(tmp_path, text, tmp_path / "nowhere").returncode == 0
    done = pytest_on(tmp_path, text, tmp_path / "nowhere", "--require-programs")
    assert done.returncode == 1
    assert "test_some.py::test_one must run" in done.stdout
    assert tells(done.stdout, "apt-get install")
    other = "import pytest\n\ndef test_one():\n    pytest.skip('some other reason')\n"
    assert pytest_on(tmp_path, other, tmp_path / "nowhere", "--require-programs").returncode == 0
