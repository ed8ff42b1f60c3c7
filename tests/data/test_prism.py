"""PRISM as published: every oddity that its codebook allows, and the survey."""

from __future__ import annotations

from pathlib import Path

import pytest
from facts import naming, tells
from published_files import conversation, offered, prism_folder, said, survey_row, turn, write_rows

from personalrm.data.formats.prism import joined, read_survey
from personalrm.data.problems import Problems
from personalrm.data.reading import read_choices, read_history, read_people
from personalrm.errors import DataError, RowError
from personalrm.preferences import Message, Preference


def read(tmp_path: Path, *history: dict[str, object], min_gap: float = 10, **more: object) -> list[Preference]:
    path = write_rows(tmp_path / "conversations.jsonl", [conversation("user7", "c1", history, **more)])
    return list(read_choices(path, strict=True, min_gap=min_gap))


def test_all_pairs_of_a_turn_and_their_context(tmp_path: Path) -> None:
    first = turn(0, "Hi", [("one", 90), ("two", 50), ("three", 10), ("four", 45)], chosen=1)
    second = turn(1, "And now?", [("five", 20), ("six", 60)], chosen=1)
    choices = read(tmp_path, *first, *second, conversation_type="values guided")
    assert {(one.chosen, one.rejected) for one in choices} == {
        ("one", "two"),
        ("one", "three"),
        ("one", "four"),
        ("two", "three"),
        ("four", "three"),  # two and four are 5 apart
        ("six", "five"),
    }
    assert {one.context for one in choices if one.chosen != "six"} == {(Message("user", "Hi"),)}
    assert choices[-1].context == (Message("user", "Hi"), Message("assistant", "two"), Message("user", "And now?"))
    assert {one.user for one in choices} == {"user7"}
    assert len({one.group for one in choices}) == 1
    assert len({one.id for one in choices}) == 6
    assert {one.id.rpartition("-")[0] for one in choices} == {"c1-0", "c1-1"}
    assert {one.domain for one in choices} == {"values guided"}
    assert {one.time for one in choices} == {"2023-12-01T10:00:00+00:00"}
    assert [one.margin for one in choices if one.chosen == "six"] == [40]


def test_conversations_that_open_alike_are_one_group(tmp_path: Path) -> None:
    turns = [("one", 90), ("two", 50)]
    rows = [
        conversation("u", name, turn(0, asked, turns)) for name, asked in (("c1", "Hi"), ("c2", "Hi"), ("c3", "Ho"))
    ]
    choices = list(read_choices(write_rows(tmp_path / "c.jsonl", rows), strict=True))
    assert choices[0].group == choices[1].group != choices[2].group
    assert len({one.id for one in choices}) == 3


def test_the_context_grows_over_22_turns(tmp_path: Path) -> None:
    history = [row for at in range(22) for row in turn(at, f"q{at}", [(f"a{at}", 80), (f"b{at}", 40)], chosen=at % 2)]
    choices = read(tmp_path, *history)
    assert [len(one.context) for one in choices] == [2 * at + 1 for at in range(22)]
    assert [one.content for one in choices[21].context[1:4]] == ["a0", "q1", "b1"]
    assert len({one.group for one in choices}) == 1


def test_items_may_stand_in_any_order(tmp_path: Path) -> None:
    history = [*turn(1, "more", [("x", 90), ("y", 10)]), *reversed(turn(0, "Hi", [("one", 90), ("two", 50)]))]
    assert [one.context[-1].content for one in read(tmp_path, *history)] == ["Hi", "more"]


def test_ties_are_marked_and_near_scores_left_out(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "c.jsonl", [conversation("u", "c", turn(0, "Hi", [("a", 50), ("b", 50), ("c", 59), ("d", 60)]))]
    )
    problems = Problems()
    choices = list(read_choices(path, min_gap=10, problems=problems))
    assert [(one.chosen, one.rejected, one.tie) for one in choices] == [
        ("a", "b", True),
        ("d", "a", False),
        ("d", "b", False),
    ]
    assert problems.too_close == 3
    assert problems.skipped == 0


def test_one_response_in_a_turn_is_context_only(tmp_path: Path) -> None:
    choices = read(tmp_path, *turn(0, "Hi", [("only", 70)]), *turn(1, "Go on", [("a", 90), ("b", 20)]))
    assert [[message.content for message in one.context] for one in choices] == [["Hi", "only", "Go on"]]


def test_a_response_without_a_score_makes_no_pair(tmp_path: Path) -> None:
    choices = read(
        tmp_path, *turn(0, "Hi", [("unrated", None), ("a", 90), ("b", 20)]), *turn(1, "x", [("c", 9), ("d", 99)])
    )
    assert [(one.chosen, one.rejected) for one in choices] == [("a", "b"), ("d", "c")]
    assert choices[1].context[1].content == "unrated"


def test_the_same_text_twice_is_one_response_with_the_mean_of_its_scores(tmp_path: Path) -> None:
    choices = read(tmp_path, *turn(0, "Hi", [("same", 90), ("same", 50), ("other", 20)]))
    assert [(one.chosen, one.rejected, one.margin) for one in choices] == [("same", "other", 50)]


def test_null_attributes_and_missing_extras_do_no_harm(tmp_path: Path) -> None:
    more = {
        "performance_attributes": None,
        "choice_attributes": None,
        "open_feedback": None,
        "generated_datetime": None,
        "conversation_type": None,
    }
    one = read(tmp_path, *turn(0, "Hi", [("a", 90), ("b", 20)]), **more)[0]
    assert (one.time, one.domain, one.demographics, one.stated) == (None, None, None, {})


def test_a_chosen_response_that_is_missing_ends_the_conversation_there(tmp_path: Path) -> None:
    lost = turn(1, "more", [("c", 90), ("d", 20)], chosen=9)
    history = [*turn(0, "Hi", [("a", 90), ("b", 20)]), *lost, *turn(2, "yet more", [("e", 90), ("f", 20)])]
    path = write_rows(tmp_path / "c.jsonl", [conversation("u", "c1", history)])
    problems = Problems()
    assert [one.chosen for one in read_choices(path, problems=problems)] == ["a", "c"]
    assert (problems.rows, problems.skipped) == (1, 1)
    assert tells(problems.summary(), "line 1", "'conversation_history'", "turn 1")


@pytest.mark.parametrize(
    ("history", "says"),
    [
        ([], "'conversation_history': expected a list"),
        ([offered(0, 0, "a", 9, True)], "turn 0"),
        ([said(0, "x"), said(0, "y")], "conversation_history.1': expected one message"),
        ([{**said(0, "x"), "role": "system"}], "conversation_history.0.role': expected"),
        ([{**said(0, "x"), "turn": -1}], "conversation_history.0.turn': expected a whole number"),
        ([said(0, "x"), offered(0, 0, "a", 101, True)], "conversation_history.1.score': expected a score"),
        ([said(0, "x"), {**offered(0, 0, "a", 9, True), "content": None}], "conversation_history.1.content'"),
        (["text"], "conversation_history.0': expected an object"),
        ("text", "found 'text'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, history: list[dict[str, object]], says: str) -> None:
    row = {**conversation("u", "c", []), "conversation_history": history}
    with pytest.raises(RowError, match="line 1") as caught:
        list(read_choices(write_rows(tmp_path / "c.jsonl", [row]), strict=True))
    assert says in str(caught.value)


def test_a_conversation_without_a_person_is_nobodys(tmp_path: Path) -> None:
    row = conversation("u", "c", turn(0, "Hi", [("a", 90), ("b", 20)]))
    (one,) = read_choices(write_rows(tmp_path / "c.jsonl", [{**row, "user_id": None}]), strict=True)
    assert one.user == "me"


def test_one_person_and_everybody(tmp_path: Path) -> None:
    path = prism_folder(tmp_path, people=3) / "conversations.jsonl.gz"
    people = list(read_people(path, min_gap=10, strict=True))
    assert len(people) == 3
    assert read_history(path, people[1].user, min_gap=10) == people[1]
    assert all({one.group for one in people[0]}.isdisjoint({one.group for one in other}) for other in people[1:])


def test_what_the_survey_says(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "survey.jsonl.gz", [survey_row("u1"), survey_row("u2", gender="Prefer not to say")])
    people = read_survey(str(path), strict=True)
    assert people["u1"].demographics == (
        "age: 25-34 years old; gender: Female; education: University Bachelors Degree; employment: Working full-time; "
        "marital status: Never been married; English: Fluent; religion: Christian; ethnicity: White; "
        "born in: France; lives in: United Kingdom"
    )
    assert "gender" not in str(people["u2"].demographics)
    assert people["u1"].stated["self_description"] == "I am u1 and I value plain words."
    assert people["u1"].stated["system_string"] == "Be brief and honest."
    assert people["u1"].stated["creativity"] == 20.5
    assert "other" not in people["u1"].stated


def test_a_survey_full_of_nulls(tmp_path: Path) -> None:
    bare = {**dict.fromkeys(survey_row("u1")), "user_id": "u1"}
    found = read_survey(str(write_rows(tmp_path / "survey.jsonl", [bare])), strict=True)["u1"]
    assert (found.demographics, found.stated) == (None, {})


def test_bad_rows_of_the_survey(tmp_path: Path) -> None:
    odd = survey_row("u3", stated_prefs={"values": "much", "other_text": "rhymes"})
    path = str(write_rows(tmp_path / "survey.jsonl", [survey_row("u1"), survey_row("u1"), "{broken", odd]))
    problems = Problems()
    assert list(read_survey(path, problems=problems)) == ["u1"]
    assert [one.line for one in problems.first] == [2, 3, 4]
    assert tells(str(problems.first[2]), "'stated_prefs.values'", "'much'")
    with pytest.raises(RowError, match=naming("line 2", "'user_id'")):
        read_survey(path, strict=True)


def test_another_file_is_no_survey(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "other.jsonl", [{"user_id": "u", "chosen": "a", "rejected": "b"}])
    with pytest.raises(DataError, match=naming("self_description", "system_string")):
        read_survey(str(path))
    with pytest.raises(DataError, match="PRISM survey"):
        read_survey(str(write_rows(tmp_path / "broken.jsonl", ["{"])))


def test_joined_with_its_person_only(tmp_path: Path) -> None:
    people = read_survey(str(write_rows(tmp_path / "survey.jsonl", [survey_row("u1")])))
    known, unknown = (Preference("1", user, "g", (), "a", "b") for user in ("u1", "u2"))
    assert joined(known, people).stated["factuality"] == 100
    assert joined(unknown, people) == unknown
