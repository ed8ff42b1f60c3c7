"""The metric as lm-evaluation-harness calls it; and through the harness itself where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from facts import naming

from personalrm.errors import DataError
from personalrm.integrations.lm_evaluation_harness import METRIC, process_results
from personalrm.integrations.promptfoo import PROFILES

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/lm_eval"
BRIEF, VAGUE = "Nine minutes.", "Perhaps you might want to check! That may well depend on a great many things, so do!"
DOC = {"user_id": "mira", "question": "How long does pasta take?"}


def test_what_the_user_likes_scores_high_and_an_unknown_user_is_an_error(
    mira_profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROFILES, str(mira_profiles))
    assert process_results(DOC, [VAGUE])[METRIC] < 0.5 < process_results(DOC, [BRIEF])[METRIC]
    brief = process_results({**DOC, "reference": VAGUE}, [BRIEF])[METRIC]
    assert brief == pytest.approx(1 - process_results({**DOC, "reference": BRIEF}, [VAGUE])[METRIC])
    with pytest.raises(DataError, match=naming("'nobody'")):
        process_results({**DOC, "user_id": "nobody"}, [BRIEF])
    with pytest.raises(DataError, match=naming("'user_id'")):
        process_results({}, [BRIEF])


@pytest.mark.slow
def test_the_harness_runs_the_example(mira_profiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its dummy model, which answers "lol" to everything. LM_EVAL names the program of another environment."""
    program = os.environ.get("LM_EVAL") or shutil.which("lm_eval")
    if program is None:
        pytest.skip("lm_eval is not installed (pip install lm_eval)")
    shutil.copytree(EXAMPLE, tmp_path / "task")
    told = {PROFILES: str(mira_profiles), "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    command = ["--model", "dummy", "--tasks", "personal_preference", "--include_path", ".", "--output_path", "found"]
    done = subprocess.run(
        [*program.split(), *command, "--log_samples"],
        cwd=tmp_path / "task", env={**os.environ, **told}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    [results] = (tmp_path / "task").glob("found/**/results_*.json")
    [samples] = (tmp_path / "task").glob("found/**/samples_*.jsonl")
    scores = [json.loads(line)[METRIC] for line in samples.read_text("utf-8").splitlines()]
    monkeypatch.setenv(PROFILES, str(mira_profiles))
    docs = [json.loads(line) for line in (EXAMPLE / "questions.jsonl").read_text("utf-8").splitlines()]
    assert scores == pytest.approx([process_results(one, ["lol"])[METRIC] for one in docs])
    found = json.loads(results.read_text("utf-8"))["results"]["personal_preference"]
    assert found[f"{METRIC},none"] == pytest.approx(sum(scores) / len(scores))
