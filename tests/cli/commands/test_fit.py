"""`fit`, `update` and `export`: what is written where, and what is said of the persona."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from command_line import Done, Run
from places import LATER, MIRA

from personalrm.data.simulated import simulate_people
from personalrm.data.writing import write_choices
from personalrm.locks import hold_file
from personalrm.profile.file import load


def sentence(done: Done) -> str:
    assert done.code == 1, done
    (line,) = [line for line in done.err.splitlines() if line.startswith("personalrm: ")]
    return line


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another person's choices."""
    write_choices(tmp_path / "other.jsonl", simulate_people(1, choices=8, seed=3, prompt_tokens=12)[0])
    return tmp_path / "other.jsonl"


def test_the_choices_are_not_replaced_by_the_profile(run: Run, tmp_path: Path) -> None:
    """Fault: `fit choices.jsonl --out choices.jsonl` replaced the choices without a word."""
    choices = tmp_path / "choices.jsonl"
    choices.write_bytes(Path(MIRA).read_bytes())
    for extra in ((), ("--force",)):
        assert "choices.jsonl" in sentence(run("fit", choices, "--out", choices, *extra))
        assert choices.read_bytes() == Path(MIRA).read_bytes()
    profile = tmp_path / "me.json"
    assert run("fit", choices, "--out", profile).code == 0
    assert "choices.jsonl" in sentence(run("update", profile, LATER, "--out", choices))
    assert choices.read_bytes() == Path(MIRA).read_bytes()
    assert stat.S_IMODE(profile.stat().st_mode) == 0o600


def test_another_person_s_profile_is_replaced_only_by_force(run: Run, tmp_path: Path, other: Path) -> None:
    profile = tmp_path / "me.json"
    run("fit", MIRA, "--out", profile)
    before = profile.read_bytes()
    assert "--force" in sentence(run("fit", other, "--out", profile))
    assert profile.read_bytes() == before
    assert run("fit", MIRA, "--out", profile).code == 0  # the same person: fitted again
    assert run("fit", other, "--out", profile, "--force").code == 0
    assert load(profile).user == load_user(other)
    mine = tmp_path / "mine.json"
    run("fit", MIRA, "--out", mine)
    assert "--force" in sentence(run("update", mine, LATER, "--out", profile))
    assert run("update", mine, LATER, "--out", profile, "--force").code == 0


def load_user(path: Path) -> str:
    return str(json.loads(path.read_text().splitlines()[0])["user"])


def test_nothing_is_asked_where_the_profile_could_not_be_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = run("fit", MIRA, "--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--out", tmp_path / "notes.txt")
    assert "notes.txt" in sentence(done)  # and not that nobody answers


def test_the_first_line_says_whether_the_persona_is_used(run: Run, tmp_path: Path) -> None:
    profile = tmp_path / "me.json"
    first = run("fit", MIRA, "--out", profile).out.splitlines()[0]
    used = load(profile).persona is not None and "persona" in load(profile).fallback.chosen
    assert ("persona in use" in first) == used
    record = json.loads(profile.read_text())
    record["fallback"]["chosen"] = "default"
    profile.write_text(json.dumps(record))
    assert "persona not in use" in run("persona", profile).out.splitlines()[0]


def test_an_export_says_each_claim_once_and_when_the_persona_is_left_out(run: Run, tmp_path: Path) -> None:
    profile = tmp_path / "me.json"
    run("fit", MIRA, "--out", profile)
    claims = load(profile).persona.claims  # type: ignore[union-attr]
    assert claims
    for form in ("generation-prompt", "judge-prompt"):
        done = run("export", profile, "--as", form)
        text = done.out if form == "generation-prompt" else json.loads(done.out)[1]["content"]
        for claim in claims:
            assert text.count(claim.text.partition(":")[0]) == 1
        assert done.err == ""
    record = json.loads(profile.read_text())
    record["fallback"] |= {"chosen": "default", "reason": "It did not help."}
    profile.write_text(json.dumps(record))
    done = run("export", profile, "--as", "generation-prompt")
    assert "It did not help." in done.err
    assert "Nothing is" not in done.out
    assert claims[0].text.partition(":")[0] not in done.out


def test_one_choice_makes_no_persona_and_no_sentence_about_nothing(run: Run, tmp_path: Path) -> None:
    one = tmp_path / "one.jsonl"
    one.write_text(Path(MIRA).read_text().splitlines(keepends=True)[0])
    profile = tmp_path / "me.json"
    assert "no persona" in run("fit", one, "--out", profile).out.splitlines()[0]
    done = run("export", profile, "--as", "generation-prompt")
    assert "Nothing is" not in done.out
    assert "there is none" in done.err


def test_two_updates_at_one_time_lose_nothing(run: Run, tmp_path: Path) -> None:
    """Fault: both started from the same profile, and what the first one learned was gone."""
    profile = tmp_path / "me.json"
    assert run("fit", MIRA, "--out", profile).code == 0
    before = profile.read_bytes()
    with hold_file(profile, "update"):  # as another process does while it updates
        said = sentence(run("update", profile, LATER))
    assert "another update" in said
    assert "me.json" in said
    assert profile.read_bytes() == before
    assert run("update", profile, LATER).code == 0
    assert len(load(profile).history) > len(json.loads(before)["history"]["choices"])
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []


def test_an_update_of_nothing_makes_no_folder(run: Run, tmp_path: Path) -> None:
    assert "none.json" in sentence(run("update", tmp_path / "new" / "none.json", LATER))
    assert not (tmp_path / "new").exists()
