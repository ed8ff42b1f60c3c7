"""`personalrm ask` and reading pairs without labels, as a stranger uses them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import Run, rows, sentence
from facts import naming, tells
from places import LATER, MIRA

from personalrm import SynthesizeMe
from personalrm.data.candidates import Candidate, read_candidates
from personalrm.data.problems import Problems
from personalrm.data.simulated import simulate_people
from personalrm.errors import DataError, ProfileError, RowError
from personalrm.preferences import Message
from personalrm.profile.records import JudgeState


@pytest.fixture
def profile(run: Run, tmp_path: Path) -> Path:
    path = tmp_path / "mira.json"
    assert run("fit", MIRA, "--out", path).code == 0
    return path


# asking -------------------------------------------------------------------------------------------------------------


def test_the_pair_what_it_teaches_and_how_to_answer_are_shown_and_nothing_is_written(run: Run, profile: Path) -> None:
    before = {path: path.read_bytes() for path in profile.parent.iterdir()}
    done = run("next-question", profile, LATER, "--top", 2)
    assert done.code == 0, done
    assert "Question 1 of 2, from 8 pairs" in done.out
    assert "P(A) = " in done.out
    assert re.search(r"remove 0\.\d+ of", done.out)
    assert f"personalrm update {profile} FILE" in done.out
    assert {path: path.read_bytes() for path in profile.parent.iterdir()} == before


def test_the_row_of_a_question_answered_is_learned_from_and_not_asked_again(
    run: Run, profile: Path, tmp_path: Path
) -> None:
    asked: list[str] = []
    for _ in range(3):
        (question,) = json.loads(run("next-question", profile, LATER, "--json").out)["questions"]
        asked.append(question["row"]["id"])
        assert question["row"].pop("winner", "") is None
        assert 0 < question["variance_removed"] < 1
        assert len(question["settles"]) == 3
        answers = rows(tmp_path / "answers.jsonl", question["row"] | {"winner": "a"})
        assert run("update", profile, answers).code == 0
    assert len(set(asked)) == 3
    done = run("next-question", profile, LATER, "--top", 100, "--json")
    assert {one["row"]["id"] for one in json.loads(done.out)["questions"]}.isdisjoint(asked)
    assert json.loads(done.out)["candidates"] == 5
    assert tells(done.err, "3 pairs")


@pytest.mark.parametrize("criterion", ["information", "prediction", "pref"])
def test_labels_are_not_looked_at(run: Run, profile: Path, tmp_path: Path, criterion: str) -> None:
    choices = [json.loads(line) for line in LATER.read_text().splitlines()]
    flipped = [one | {"chosen": one["rejected"], "rejected": one["chosen"]} for one in choices]
    pairs = [
        {key: value for key, value in one.items() if key not in ("chosen", "rejected")}
        | dict(zip(("response_a", "response_b"), sorted((one["chosen"], one["rejected"])), strict=True))
        for one in choices
    ]
    files = {
        "as it is": choices,
        "flipped": flipped,
        "without labels": pairs,
        "a wins": [one | {"winner": "a"} for one in pairs],
        "b wins": [one | {"winner": "b"} for one in pairs],
        "unreadable": [one | {"winner": "whoever", "label": 7} for one in pairs],
    }
    said = {}
    for name, records in files.items():
        path = rows(tmp_path / "pairs.jsonl", *records)
        said[name] = run("next-question", profile, path, "--top", 4, "--criterion", criterion, "--json").out
    assert len(json.loads(said["as it is"])["questions"]) == 4
    assert set(said.values()) == {said["as it is"]}, [name for name in said if said[name] != said["as it is"]]


def test_scores_are_not_looked_at_either(tmp_path: Path) -> None:
    one = {"prompt": "Hi", "responses": [{"content": "Hello!", "score": 90}, {"content": "?", "score": 20}, "Yes?"]}
    other = {"prompt": "Hi", "responses": [{"content": "Hello!"}, {"content": "?", "score": 95}, "Yes?"]}
    found, same = (list(read_candidates(rows(tmp_path / "r.jsonl", row))) for row in (one, other))
    assert [(each.a, each.b) for each in found] == [("Hello!", "?"), ("Hello!", "Yes?"), ("?", "Yes?")]
    assert found == same


def test_choices_of_other_people_as_candidates(run: Run, profile: Path, few_people: Path) -> None:
    found = json.loads(run("next-question", profile, few_people, "--top", 3, "--json").out)
    assert found["candidates"] == 24 * 8
    assert len(found["questions"]) == 3


def test_real_people_of_prism_as_candidates(run: Run, profile: Path, real_data: Path) -> None:
    found = json.loads(run("next-question", profile, real_data / "prism.jsonl.gz", "--top", 3, "--json").out)
    assert found["candidates"] > 1500
    assert len(found["questions"]) == 3


def test_control_characters_and_markup_are_shown_harmlessly(run: Run, profile: Path, tmp_path: Path) -> None:
    pairs = rows(tmp_path / "p.jsonl", {"prompt": "[bold]Hi\x1b[2J", "a": "Short.", "b": "Long [/x] " * 400})
    done = run("next-question", profile, pairs)
    assert done.code == 0, done
    assert "\x1b" not in done.out
    assert "[bold]Hi" in done.out
    assert "2,000 more characters" in done.out


# what cannot be asked -----------------------------------------------------------------------------------------------


def test_nothing_left_to_ask_is_said(run: Run, profile: Path) -> None:
    assert tells(sentence(run("next-question", profile, MIRA)), "already answered")


def test_a_profile_of_a_language_model_says_which_can_ask(run: Run, profile: Path) -> None:
    record = json.loads(profile.read_text())
    profile.write_text(json.dumps(record | {"model": "gpt-4o-mini", "traits": None}))
    said = sentence(run("next-question", profile, LATER))
    assert tells(said, "gpt-4o-mini")
    assert tells(said, "traits")


def test_a_trained_model_asks(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from personalrm.models.learned import Settings, save, train

    people = simulate_people(12, 8, 1, prompt_tokens=10, response_tokens=30)
    save(train(people, Settings("pref", features="traits", members=1, epochs=2)), tmp_path / "pref")
    me = SynthesizeMe(model=f"trained:{tmp_path / 'pref'}").fit(MIRA)
    me.save(tmp_path / "me.json")
    found = json.loads(run("next-question", tmp_path / "me.json", LATER, "--top", 2, "--json").out)["questions"]
    assert [one["settles"] for one in found] == [[], []]
    assert all(0 < one["probability"] < 1 for one in found)
    assert "P(A) = " in run("next-question", tmp_path / "me.json", LATER).out


def test_bad_rows_are_named_by_file_line_and_field(run: Run, profile: Path, tmp_path: Path) -> None:
    pairs = rows(
        tmp_path / "pairs.jsonl",
        {"prompt": "Hi", "a": "Hello!", "b": "?"},
        {"prompt": "Hi", "a": "Hello!", "b": 7},
        {"prompt": "Hi", "a": "Hello!", "b": "Hello!"},
        {"prompt": "Hi", "responses": ["One."]},
        {"prompt": [{"role": "user"}], "response_a": "One.", "response_b": "Two."},
    )
    done = run("next-question", profile, pairs)
    assert done.code == 0, done
    assert tells(done.err, "4 of 5", "line 2", "'b'", "{role, content}")
    assert tells(done.err, "line 3", "'b'")
    assert tells(sentence(run("next-question", profile, pairs, "--strict")), pairs, "line 2", "'b'")
    problems = Problems()
    assert len(list(read_candidates(pairs, problems=problems))) == 1
    assert [(one.line, one.field) for one in problems.first] == [
        (2, "b"), (3, "b"), (4, "responses"), (5, "prompt.0.content"),
    ]  # fmt: skip
    with pytest.raises(RowError, match="line 2, field 'b'"):
        list(read_candidates(pairs, strict=True))


def test_columns_of_no_known_format_and_missing_files_are_named(run: Run, profile: Path, tmp_path: Path) -> None:
    assert tells(sentence(run("next-question", profile, rows(tmp_path / "x.jsonl", {"text": "Hi"}))), "x.jsonl", "text")
    assert tells(sentence(run("next-question", profile, tmp_path / "nothing.jsonl")), tmp_path / "nothing.jsonl")


# from Python --------------------------------------------------------------------------------------------------------


async def test_python_asks_with_the_same_words() -> None:
    me = SynthesizeMe().fit(MIRA)
    saved = me.profile
    found = me.next_question(LATER, top=2)
    assert await me.anext_question(LATER, top=2) == found
    choices = simulate_people(1, 5, 3, prompt_tokens=10, response_tokens=30)[0]
    flipped = [one.flipped() for one in choices]
    assert me.next_question(choices, 3, criterion="pref") == me.next_question(flipped, 3, criterion="pref")
    pair = Candidate("1", "1", (Message("user", "Hi"),), "Hello! I am glad that you ask.", "Hi.")
    assert [one.candidate for one in me.next_question([pair])] == [pair]
    assert me.next_question([]) == []
    assert me.profile is saved
    with pytest.raises(DataError, match="at least 1 question"):
        me.next_question(LATER, 0)
    me._profile = replace(saved, engine=JudgeState(), model="gpt-4o-mini")
    with pytest.raises(ProfileError, match=naming("gpt-4o-mini", "traits")):
        me.next_question(LATER)
