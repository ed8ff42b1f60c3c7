"""Saying why: reasons join their choices, what a language model is shown of them, and nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from choices import history
from command_line import Run, sentence
from places import MIRA

from personalrm import Client
from personalrm.data.given import history_of
from personalrm.errors import DataError
from personalrm.profile.file import load
from personalrm.profile.reasons import explained, unexplained
from personalrm.synthesis.rendering import past_choice


@pytest.fixture
def profile(run: Run, tmp_path: Path) -> Path:
    path = tmp_path / "mira.json"
    assert run("fit", MIRA, "--out", path).code == 0
    return path


def test_choices_without_a_reason_are_listed_and_one_is_kept(run: Run, profile: Path) -> None:
    before = json.loads(run("why", profile, "--top", 2, "--json").out)
    assert len(before["choices"]) == 2
    name = before["choices"][0]["id"]
    assert name in run("why", profile).out
    done = run("why", profile, name, "The other one never answers the question.")
    assert done.code == 0, done
    found = load(profile)
    assert {one.id: one.reason for one in found.history}[name] == "The other one never answers the question."
    after = json.loads(run("why", profile, "--json").out)
    assert after["without_reason"] == before["without_reason"] - 1
    assert name not in {one["id"] for one in after["choices"]}


def test_a_profile_whose_choices_all_have_reasons_is_no_error(run: Run, tmp_path: Path) -> None:
    rows = [{"prompt": "Well?", "chosen": f"Yes {n}.", "rejected": f"No {n}.", "reason": "Kind."} for n in range(3)]
    (tmp_path / "own.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    assert run("fit", tmp_path / "own.jsonl", "--out", tmp_path / "own.json").code == 0
    said = run("why", tmp_path / "own.json")
    assert (said.code, "has a reason" in said.out) == (0, True)


def test_what_cannot_be_kept_is_said_and_the_profile_stays(run: Run, profile: Path) -> None:
    kept = profile.read_bytes()
    assert "no choice 'nobody'" in sentence(run("why", profile, "nobody", "Because."))
    name = load(profile).history.choices[0].id
    assert name in sentence(run("why", profile, name))
    assert "empty" in sentence(run("why", profile, name, "  "))
    assert profile.read_bytes() == kept


def test_reasons_stand_in_the_judge_s_prompt_and_leave_the_traits_as_they_are() -> None:
    with_client = Client()
    told = with_client.fit(history(8))
    again = with_client.update(told, reasons={"c3": "It says more."})
    assert again.history == explained(told.history, {"c3": "It says more."})
    assert again.engine == told.engine
    assert "<own_words>It says more.</own_words>" in past_choice(1, again.history.choices[3], 0, None)
    assert [one.id for one in unexplained(again.history)] == ["c7", "c6", "c5", "c4", "c2", "c1", "c0"]
    with pytest.raises(DataError, match="c99"):
        with_client.update(told, reasons={"c99": "Why not?"})
    with_client.close()


@pytest.mark.parametrize("reason", [None, 5, b"Kind."])
def test_a_reason_that_is_no_text_is_refused(reason: object) -> None:
    history = history_of([{"prompt": "Well?", "chosen": "Yes.", "rejected": "No."}])
    with pytest.raises(DataError, match="not text"):
        explained(history, {history.choices[0].id: reason})  # type: ignore[dict-item]
