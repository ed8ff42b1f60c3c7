"""Every example of a plug runs, and says what it should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from personalrm.integrations.exports import EXPORTS

pytestmark = pytest.mark.slow  # 2 s each; pages of docs/ with the same calls are run in the fast suite

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NUMBER = re.compile(r"[+-]?\d+\.\d+")


def said(name: str, tmp_path: Path) -> list[str]:
    environment = {**os.environ, "PERSONALRM_CACHE": str(tmp_path / "cache.sqlite"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-W", "ignore", str(EXAMPLES / name)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", ["verl_reward.py", "openrlhf_reward.py", "inspect_task.py", "served_reward.py"])
def test_the_brief_answer_is_preferred(name: str, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    brief, vague = (float(NUMBER.findall(line)[0]) for line in said(name, tmp_path))
    assert brief > vague


def test_a_second_pull_adds_nothing(tmp_path: Path) -> None:
    assert said("pull_feedback.py", tmp_path) == ["5 added, 5 in all", "0 added, 5 in all", "5 choices of mira"]


def test_all_files_of_other_tools_are_written(tmp_path: Path) -> None:
    assert [line.partition(":")[0] for line in said("export_files.py", tmp_path)] == list(EXPORTS)


def test_every_example_is_run_by_a_test() -> None:
    elsewhere = {"trl_grpo.py"}
    named = Path(__file__).read_text("utf-8")
    assert [one.name for one in EXAMPLES.glob("*.py") if one.name not in elsewhere and one.name not in named] == []
