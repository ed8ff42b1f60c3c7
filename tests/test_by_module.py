"""The plugin `by_module`: one process runs all tests of a module, and every third process imports large packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from by_module import (
    FIRST,
    PACKAGES,
    TESTS,
    has_packages,
    imports_packages,
    module_at,
    next_group,
    of_interest,
    scheduler,
    starting_at,
)
from places import HELPERS

LARGE = re.compile(
    r"^(?:import|from) (?:torch|transformers|trl|peft|ray|inspect_ai|statsmodels|scipy|matplotlib|pandas|pyarrow|dspy"
    r"|tiny_backbones|vector_people"
    r"|personalrm\.models\.(?:learned|reward_model(?!\.user_prompts)))\b",
    re.MULTILINE,
)
SETTINGS = """
[tool.pytest.ini_options]
addopts = "--import-mode=importlib -p no:anyio -p no:hypothesispytest -p no:asyncio -p no:schemathesis"
pythonpath = ["tests/helpers"]
testpaths = ["tests"]
"""
TEST = """
import os, pathlib

def note(what):
    with pathlib.Path("notes").open("a") as notes:
        notes.write(f"{what} {pathlib.Path(__file__).stem} {os.environ['PYTEST_XDIST_WORKER']}\\n")

note("imported")

def test_one():
    note("ran")

def test_two():
    note("ran")
"""


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/llm/test_cache.py::test_x[a::b]", "llm/test_cache.py"),
        ("tests/test_files.py::test_x", "test_files.py"),
        ("tests/service/test_api.py::test_x", "service"),
        ("tests/models/learned/test_loop.py::test_x[1]", "models/learned"),
    ],
)
def test_the_scheduler_of_xdist_keeps_a_module_together(nodeid: str, group: str) -> None:
    pytest.importorskip("xdist")
    assert scheduler()._split_scope(None, nodeid) == group


def test_what_is_begun_first_is_there() -> None:
    assert [one for one in (*FIRST, *PACKAGES) if not (HELPERS.parent / one).exists()] == []


def test_no_other_module_imports_a_large_package() -> None:
    others = (one for one in TESTS.rglob("*.py") if not imports_packages(module_at(one)) and one.parent != HELPERS)
    assert [module_at(one) for one in others if LARGE.search(one.read_text("utf-8"))] == []


def test_one_process_of_three_has_packages_and_takes_their_tests_first() -> None:
    assert [has_packages(f"gw{number}", 4) for number in range(6)] == [True, False, False, True, True, True]
    waiting = ["test_files.py", "training/test_train.py"]
    assert next_group(iter(waiting), packages=True) == "training/test_train.py"
    assert next_group(iter(waiting), packages=False) == "test_files.py"
    assert next_group(iter(waiting[:1]), packages=True) == "test_files.py"
    assert next_group(iter(waiting[1:]), packages=False) is None


def test_a_process_sends_results_faults_and_what_takes_time() -> None:
    sent: list[str] = []
    send = of_interest(lambda name, **event: sent.append(event.get("nodeid") or event["data"]["nodeid"]))
    send("logstart", nodeid="begins", location=("", 1, ""))
    send("collectionfinish", nodeid="collected")
    for nodeid, when, outcome, duration in (
        ("quick set-up", "setup", "passed", 0.001),
        ("slow set-up", "setup", "passed", 0.5),
        ("result", "call", "passed", 0.0),
        ("skipped", "setup", "skipped", 0.0),
        ("fault", "teardown", "failed", 0.0),
    ):
        send("testreport", data={"nodeid": nodeid, "when": when, "outcome": outcome, "duration": duration})
    assert sent == ["collected", "slow set-up", "result", "skipped", "fault"]


@pytest.mark.parametrize("share", [0.0, 1 / 3, 2 / 3, 0.999])
def test_each_process_begins_elsewhere_and_collects_everything(share: float) -> None:
    found, all_of_them = starting_at(share), starting_at(0.0)
    assert sorted(found) == all_of_them
    assert (found[0] == all_of_them[0]) == (share in (0.0, 0.999))
    modules = {path for one in found for path in ([one] if one.is_file() else one.rglob("test_*.py"))}
    assert modules == set(TESTS.rglob("test_*.py"))


def test_a_run_of_the_whole_suite_runs_every_test_once(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    (tmp_path / "tests/helpers").mkdir(parents=True)
    for name in ("by_module.py", "places.py"):
        shutil.copy(HELPERS / name, tmp_path / "tests/helpers")
    (tmp_path / "tests/conftest.py").write_text("pytest_plugins = ('by_module',)")
    modules = ("models/learned/test_a", "training/test_b", "service/test_c", "test_d")
    for name in modules:
        path = tmp_path / f"tests/{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEST)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-n", "2"]
    done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout
    notes = [line.split() for line in (tmp_path / "notes").read_text().splitlines()]
    ran = [module for what, module, _ in notes if what == "ran"]
    assert sorted(ran) == ["test_a", "test_a", "test_b", "test_b", "test_c", "test_c", "test_d", "test_d"]
    assert {module for _, module, worker in notes if worker == "gw1"} == {"test_c", "test_d"}
