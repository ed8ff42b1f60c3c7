"""promptfoo's Python assertion, called as promptfoo calls it; and through promptfoo itself where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from facts import naming

from personalrm.errors import DataError
from personalrm.integrations.promptfoo import PROFILES, get_assert

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/promptfoo"
ASKED = "How long does pasta take?"
BRIEF, VAGUE = "Nine minutes.", "Perhaps you might want to check! That may well depend on a great many things, so do!"


def context(**told: object) -> dict[str, object]:
    return {"prompt": ASKED, "vars": {"user_id": "mira", "question": ASKED, **told}, "test": {}, "config": {}}


def test_outputs_that_the_user_likes_pass(mira_profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROFILES, str(mira_profiles))
    brief, vague = get_assert(BRIEF, context()), get_assert(VAGUE, context())
    assert (brief["pass"], vague["pass"]) == (True, False)
    assert 0 < vague["score"] < 0.5 < brief["score"] < 1
    assert get_assert(BRIEF, context(reference="")) == brief  # an empty cell
    compared = get_assert(VAGUE, context(reference=BRIEF))
    assert compared["score"] == pytest.approx(1 - get_assert(BRIEF, context(reference=VAGUE))["score"])
    assert compared["pass"] is False


def test_a_test_without_a_known_user_is_an_error(mira_profiles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROFILES, str(mira_profiles))
    with pytest.raises(DataError, match=naming("'user_id'")):
        get_assert(BRIEF, {"vars": {}})
    with pytest.raises(DataError, match=naming("'nobody'")):
        get_assert(BRIEF, context(user_id="nobody"))
    monkeypatch.delenv(PROFILES)
    with pytest.raises(DataError, match=PROFILES):
        get_assert(BRIEF, context())


@pytest.mark.slow
def test_promptfoo_runs_the_example(mira_profiles: Path, tmp_path: Path) -> None:
    program = shutil.which("promptfoo")
    if program is None:
        pytest.skip("promptfoo is not installed (npm install promptfoo)")
    found = tmp_path / "found.json"
    told = {"PROMPTFOO_PYTHON": sys.executable, "PROMPTFOO_CONFIG_DIR": str(tmp_path), PROFILES: str(mira_profiles)}
    quiet = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1"}
    command = [program, "eval", "-c", "promptfooconfig.json", "--no-cache", "--no-table", "-o", str(found)]
    subprocess.run(command, cwd=EXAMPLE, env={**os.environ, **told, **quiet}, capture_output=True, check=False)
    assert [one["success"] for one in json.loads(found.read_text("utf-8"))["results"]["results"]] == [True, True, False]
