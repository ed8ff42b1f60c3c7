"""`personalrm study`, `diagnose` and `report` as a stranger uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import Run
from facts import tells
from places import MIRA

from personalrm.data.writing import write_choices
from personalrm.llm.simulated import SimulatedLLM
from personalrm.preferences import History


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal in which no cell of a table is broken."""
    monkeypatch.setenv("COLUMNS", "150")


@pytest.fixture
def people(few: list[History], tmp_path: Path) -> Path:
    path = tmp_path / "people.jsonl"
    write_choices(path, (choice for person in few[:6] for choice in person))
    return path


def test_a_study_is_told_kept_and_reported_also_without_a_benchmark(run: Run, people: Path, tmp_path: Path) -> None:
    with SimulatedLLM() as llm:
        words = ("study", "causal", people, "--methods", "history", "--model", "simulated", "--base-url", llm.url)
        done = run(*words, "--out", tmp_path / "out")
        assert done.code == 0, done.err
        assert "history, labels flipped" in done.out
        asked = llm.statistics.requests
        assert run(*words, "--out", tmp_path / "out").out == done.out
        assert llm.statistics.requests == asked
    assert json.loads((tmp_path / "out/studies/causal.json").read_text())["study"] == "causal"
    assert run("report", tmp_path / "out").code == 0
    page = (tmp_path / "out/report.html").read_text()
    assert "If the labels are flipped" in page
    assert "<svg" in page
    assert (tmp_path / "out/tables/study_causal_1.csv").exists()


def test_what_is_wrong_with_a_study_is_one_sentence(run: Run, people: Path, tmp_path: Path) -> None:
    for words, said in (
        (("study", "love", people), "unknown study 'love'"),
        (("study", "transfer", people), "asks a language model: name it with --model"),
        (("study", "scaling", tmp_path / "none.jsonl"), "none.jsonl"),
        (("study", "scaling", people, "--context-sizes", "two"), "context-sizes"),
        (("report", tmp_path / "nowhere"), "personalrm bench"),
    ):
        more = () if words[0] == "report" else ("--out", tmp_path / "out")
        done = run(*words, *more)
        assert done.code != 0
        assert said in done.err
        assert "Traceback" not in done.err


def test_diagnose_names_what_is_shown_with_what_to_do(run: Run, tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("".join(MIRA.read_text().splitlines(keepends=True)[:3]))
    assert run("fit", few, "--out", tmp_path / "me.json").code == 0
    done = run("diagnose", tmp_path / "me.json", MIRA)
    assert done.code == 0
    assert tells(done.out, "too few choices", "3", "5")
    assert "What to do: add choices" in done.out
    found = json.loads(run("diagnose", tmp_path / "me.json", MIRA, "--json").out)
    assert [(one["name"], one["shown"]) for one in found] == [
        ("too few choices", True),
        ("no new choices", False),
        ("contradictory choices", False),
        ("changed taste", False),
    ]
    done = run("diagnose", tmp_path / "me.json", few)
    assert tells(done.out, "no new choices", "0 new choices")
    assert "No known failure" not in done.out
