"""Every example of a plug runs, and says what it should."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from personalrm.integrations.exports import EXPORTS
from personalrm.integrations.feedback import SERVICES
from personalrm.llm.simulated import SimulatedLLM

pytestmark = pytest.mark.slow  # 2 s each; pages of docs/ with the same calls are run in the fast suite

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NUMBER = re.compile(r"[+-]?\d+\.\d+")


def said(name: str, tmp_path: Path) -> list[str]:
    environment = {**os.environ, "PERSONALRM_CACHE": str(tmp_path / "cache.sqlite"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-W", "ignore", str(EXAMPLES / name)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


REWARDS = ["verl_reward.py", "openrlhf_reward.py", "openrlhf_http.py", "inspect_task.py", "served_reward.py"]


@pytest.mark.parametrize("name", REWARDS)
def test_the_brief_answer_is_preferred(name: str, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai")
    brief, vague = (float(NUMBER.findall(line)[0]) for line in said(name, tmp_path))
    assert brief > vague


def test_a_second_pull_adds_nothing(tmp_path: Path) -> None:
    found = said("pull_feedback.py", tmp_path)
    assert [one.partition(":")[0] for one in found] == list(SERVICES)
    assert all(one.endswith("added, then 0; mira prefers Nine minutes.") for one in found)


def test_the_judge_takes_the_brief_answer_and_rows_tell_of_the_user(tmp_path: Path) -> None:
    best, rows = said("trl_judge.py", tmp_path)
    assert best == "best: Nine minutes."
    assert rows.startswith("14 rows")


def test_rewardbench_s_loop_reads_the_rewards_of_the_transformers_pipeline(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed (extra train)")
    accuracy, difference = said("rewardbench_loop.py", tmp_path)
    assert accuracy.endswith("/2")
    assert float(difference.rpartition(" ")[2]) < 1e-5


def test_inspect_eval_runs_the_task_that_ships(llm: SimulatedLLM, mira_profiles: Path, tmp_path: Path) -> None:
    for name in ("inspect_ai", "openai"):
        pytest.importorskip(name)
    command = [sys.executable, "-W", "ignore", "-m", "inspect_ai", "eval", "personalrm/preferences"]
    told = ["-T", f"choices={EXAMPLES / 'mira_later.jsonl'}", "-T", f"profiles={mira_profiles}"]
    model = ["--model", "openai-api/local/simulated", "--display", "none"]
    logs = ["--log-dir", str(tmp_path / "logs"), "--log-format", "json"]
    there = {**os.environ, "LOCAL_BASE_URL": llm.url, "LOCAL_API_KEY": "none"}
    done = subprocess.run([*command, *told, *model, *logs], cwd=tmp_path, env=there, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    [log] = (tmp_path / "logs").glob("*.json")
    found = json.loads(log.read_bytes())
    assert found["status"] == "success"
    [score] = found["results"]["scores"]
    assert score["name"] == "personal_preference"
    assert set(score["metrics"]) == {"mean", "stderr"}
    assert len(found["samples"]) == 8


def test_all_files_of_other_tools_are_written(tmp_path: Path) -> None:
    assert [line.partition(":")[0] for line in said("export_files.py", tmp_path)] == list(EXPORTS)


def test_every_example_is_run_by_a_test() -> None:
    elsewhere = {"trl_grpo.py"}
    named = Path(__file__).read_text("utf-8")
    assert [one.name for one in EXAMPLES.glob("*.py") if one.name not in elsewhere and one.name not in named] == []
