"""`personalrm study`, `diagnose` and `report` as a stranger uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from facts import tells
from places import MIRA

from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.llm.simulated import SimulatedLLM


def personalrm(*words: object, home: Path) -> subprocess.CompletedProcess[str]:
    parts = [sys.executable, "-m", "personalrm.cli", *map(str, words)]
    held = {"HOME": str(home), "COLUMNS": "150", "PERSONALRM_CACHE": str(home / "answers")}
    left = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI")}
    return subprocess.run(parts, capture_output=True, text=True, env={**left, **held}, timeout=120)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "people.jsonl"
    write_choices(path, (choice for person in simulate_people(6, choices=10) for choice in person))
    return path


def test_a_study_is_told_kept_and_reported_also_without_a_benchmark(people: Path, tmp_path: Path) -> None:
    with SimulatedLLM() as llm:
        words = ("study", "causal", people, "--methods", "history", "--model", "simulated", "--base-url", llm.url)
        done = personalrm(*words, "--out", tmp_path / "out", home=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "history, labels flipped" in done.stdout
        asked = llm.statistics.requests
        assert personalrm(*words, "--out", tmp_path / "out", home=tmp_path).stdout == done.stdout
        assert llm.statistics.requests == asked
    assert json.loads((tmp_path / "out/studies/causal.json").read_text())["study"] == "causal"
    assert personalrm("report", tmp_path / "out", home=tmp_path).returncode == 0
    page = (tmp_path / "out/report.html").read_text()
    assert "If the labels are flipped" in page
    assert "<svg" in page
    assert (tmp_path / "out/tables/study_causal_1.csv").exists()


def test_what_is_wrong_with_a_study_is_one_sentence(people: Path, tmp_path: Path) -> None:
    for words, said in (
        (("study", "love", people), "there is no study 'love'"),
        (("study", "transfer", people), "asks a language model: name it with --model"),
        (("study", "scaling", tmp_path / "none.jsonl"), "none.jsonl"),
        (("study", "scaling", people, "--context-sizes", "two"), "context-sizes"),
        (("report", tmp_path / "nowhere"), "personalrm bench"),
    ):
        more = () if words[0] == "report" else ("--out", tmp_path / "out")
        done = personalrm(*words, *more, home=tmp_path)
        assert done.returncode != 0
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_diagnose_names_what_is_shown_with_what_to_do(tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(MIRA.read_text().splitlines(keepends=True)[:3]))
    assert personalrm("fit", few, "--out", tmp_path / "me.json", home=tmp_path).returncode == 0
    done = personalrm("diagnose", tmp_path / "me.json", MIRA, home=tmp_path)
    assert done.returncode == 0
    assert tells(done.stdout, "too few choices", "3", "5")
    assert "What to do: add choices" in done.stdout
    found = json.loads(personalrm("diagnose", tmp_path / "me.json", MIRA, "--json", home=tmp_path).stdout)
    assert [(one["name"], one["shown"]) for one in found] == [
        ("too few choices", True),
        ("contradictory choices", False),
    ]
