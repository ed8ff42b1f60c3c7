"""Profiles as files of other tools: read back by the tools' own readers where they are at hand."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from personalrm import SynthesizeMe, read_history
from personalrm.cli.app import app
from personalrm.data.reading import read_choices
from personalrm.integrations.exports import EXPORTS
from personalrm.profile.file import save
from personalrm.profile.records import Profile

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def profile() -> Profile:
    return SynthesizeMe().fit(EXAMPLES / "mira.jsonl").profile


def test_openai_s_rows_hold_every_decided_choice(profile: Profile) -> None:
    rows = [orjson.loads(line) for line in EXPORTS["openai-dpo"](profile).splitlines()]
    known = read_history(EXAMPLES / "mira.jsonl").decided
    assert [row["preferred_output"][0]["content"] for row in rows] == [one.chosen for one in known]
    assert [row["non_preferred_output"][0]["content"] for row in rows] == [one.rejected for one in known]
    assert [row["input"]["messages"][-1]["content"] for row in rows] == [one.context[-1].content for one in known]


@pytest.mark.filterwarnings("ignore")
def test_trl_s_rows_load_as_a_data_set_and_read_back(profile: Profile, tmp_path: Path) -> None:
    from datasets import load_dataset  # slow to import

    path = tmp_path / "trl.jsonl"
    path.write_text(EXPORTS["trl"](profile), "utf-8")
    loaded = load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert set(loaded.column_names) >= {"prompt", "chosen", "rejected", "user_id"}
    assert [one.chosen for one in read_choices(path)] == [one.chosen for one in profile.history.decided]


def test_promptfoo_s_rubric_tells_the_persona_and_fills_no_slot(profile: Profile) -> None:
    config = orjson.loads(EXPORTS["promptfoo"](profile))
    [asserted] = config["defaultTest"]["assert"]
    assert asserted["type"] == "llm-rubric"
    assert "hedging" in asserted["value"]
    slot = replace(profile.history.choices[0], chosen="{{env.KEY}} {% raw %}")
    hostile = replace(profile, history=profile.history.only([slot, *profile.history.choices[1:]]))
    for mark in ("{{env", "{% raw"):
        assert mark not in EXPORTS["promptfoo"](hostile)


def test_the_inspect_task_is_python_that_no_name_breaks_out_of(profile: Profile) -> None:
    hostile = replace(profile, user='x""" + __import__("os").getcwd() + """')
    for one in (profile, hostile):
        tree = ast.parse(EXPORTS["inspect"](one))
        assert not any(
            isinstance(node, ast.Call) and getattr(node.func, "id", "") == "__import__" for node in ast.walk(tree)
        )


@pytest.mark.parametrize("name", EXPORTS)
def test_the_command_line_prints_each(name: str, profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "mira.json"
    save(profile, path)
    done = CliRunner().invoke(app, ["export", str(path), "--as", name])
    assert done.exit_code == 0
    assert done.stdout.rstrip("\n") == EXPORTS[name](profile).rstrip("\n")


def test_the_mlflow_judge_tells_the_persona_and_fills_no_slot_but_its_own(profile: Profile) -> None:
    slot = replace(profile.history.choices[0], chosen="{{ trace }} {{ expectations }}")
    hostile = replace(profile, user='"""x', history=profile.history.only([slot, *profile.history.choices[1:]]))
    for one in (profile, hostile):
        tree = ast.parse(EXPORTS["mlflow-judge"](one))
        [told] = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "INSTRUCTIONS"
        ]
        assert "hedging" in told
        assert told.count("{{") == 2
        assert told.endswith("Question: {{ inputs }}\n\nAnswer: {{ outputs }}")


MLFLOW = """if True:
    import json, os, sys, threading
    from http.server import BaseHTTPRequestHandler, HTTPServer
    prompts = []

    class Model(BaseHTTPRequestHandler):
        def do_POST(self):
            prompts.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            said = json.dumps({"result": "yes", "rationale": "It is brief."})
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
            body = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
                               "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("localhost", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://localhost:{server.server_port}/v1"
    os.environ.update(OPENAI_API_KEY="k", OPENAI_API_BASE=url, OPENAI_BASE_URL=url, MLFLOW_JUDGE_MODEL="openai:/m")
    from judge import judge
    from mlflow.genai.scorers import Scorer
    kept = Scorer.model_validate(judge.model_dump())
    found = kept(inputs={"question": "How long does pasta take?"}, outputs="Nine minutes.")
    print(found.value, "hedging" in prompts[0], "Nine minutes." in prompts[0])
"""


@pytest.mark.slow
def test_mlflow_makes_keeps_and_asks_the_judge(profile: Profile, tmp_path: Path) -> None:
    """With MLflow itself, in this environment or in that of the interpreter that MLFLOW_PYTHON names."""
    python = os.environ.get("MLFLOW_PYTHON") or sys.executable
    told = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    told.pop("PYTHONPATH", None)
    there = subprocess.run([python, "-c", "import mlflow.genai.judges, pandas"], env=told, capture_output=True)
    if there.returncode:
        pytest.skip("MLflow is not installed (pip install mlflow)")
    (tmp_path / "judge.py").write_text(EXPORTS["mlflow-judge"](profile), "utf-8")
    command = [python, "-W", "ignore", "-c", MLFLOW]
    done = subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True)
    assert done.stdout.split() == ["yes", "True", "True"], done.stderr[-2000:]
